namespace Sgm.Cli

open Argu

/// Options of what is made from stores.
module private OfWhole =
    let junit = "also write the checks of a verification as JUnit XML."
    let allowInconclusive = "of a verification: exit with 0 although checks stayed open."
    let wide = "of a verification: a line a check, not a line a theorem."
    let csv = "of a sweep: comma-separated values on standard output and nothing else."

type MergeArguments =
    | [<MainCommand; ExactlyOnce>] Directories of DIR: string list
    | [<ExactlyOnce; EqualsAssignmentOrSpaced>] Report of DIR: string
    | [<Unique; EqualsAssignmentOrSpaced>] Junit of FILE: string
    | [<Unique>] Allow_Inconclusive
    | [<Unique>] Wide
    | [<Unique>] Csv
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Directories _ -> "the folders that --report or --resume named, one or several, of one command in shards."
            | Report _ -> "where the report of the whole goes, and the joined store; may be one of the folders."
            | Junit _ -> OfWhole.junit
            | Allow_Inconclusive -> OfWhole.allowInconclusive
            | Wide -> OfWhole.wide
            | Csv -> OfWhole.csv
            | Json -> Usage.json

type ReportArguments =
    | [<MainCommand; ExactlyOnce>] Directory of DIR: string
    | [<Unique; EqualsAssignmentOrSpaced>] Junit of FILE: string
    | [<Unique>] Allow_Inconclusive
    | [<Unique>] Wide
    | [<Unique>] Csv
    | [<Unique>] Json

    /// The same of a merge of one folder into itself.
    member this.AsMerge =
        match this with
        | Directory directory -> [ MergeArguments.Directories [ directory ]; MergeArguments.Report directory ]
        | Junit file -> [ MergeArguments.Junit file ]
        | Allow_Inconclusive -> [ MergeArguments.Allow_Inconclusive ]
        | Wide -> [ MergeArguments.Wide ]
        | Csv -> [ MergeArguments.Csv ]
        | Json -> [ MergeArguments.Json ]

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Directory _ -> "the folder that --report or --resume named."
            | Junit _ -> OfWhole.junit
            | Allow_Inconclusive -> OfWhole.allowInconclusive
            | Wide -> OfWhole.wide
            | Csv -> OfWhole.csv
            | Json -> Usage.json

type ClusterArguments =
    | [<MainCommand; ExactlyOnce>] Of of SCHEDULER: Scheduler
    | [<Unique; EqualsAssignmentOrSpaced>] Shards of N: int
    | [<Unique; EqualsAssignmentOrSpaced>] Image of IMAGE: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Of _ ->
                "slurm, kubernetes or parallel; behind its flags the command: verify, sweep or compare and their words."
            | Shards _ -> "how many shards; 8 if not given."
            | Image _ -> "of kubernetes: the image that has sgm; sgm if not given."

/// What `sgm merge` and `sgm report` were asked for.
type MergeRequest =
    {
        Directories: string list
        /// Where the report of the whole goes.
        Report: string
        Junit: string option
        AllowInconclusive: bool
        Wide: bool
        Csv: bool
        Json: bool
    }

    static member Of(arguments: MergeArguments list) : MergeRequest =
        let nothing =
            {
                Directories = []
                Report = ""
                Junit = None
                AllowInconclusive = false
                Wide = false
                Csv = false
                Json = false
            }

        (nothing, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | MergeArguments.Directories several -> { request with Directories = request.Directories @ several }
            | MergeArguments.Report directory -> { request with MergeRequest.Report = directory }
            | MergeArguments.Junit file -> { request with MergeRequest.Junit = Some file }
            | MergeArguments.Allow_Inconclusive -> { request with MergeRequest.AllowInconclusive = true }
            | MergeArguments.Wide -> { request with MergeRequest.Wide = true }
            | MergeArguments.Csv -> { request with MergeRequest.Csv = true }
            | MergeArguments.Json -> { request with MergeRequest.Json = true })

/// What `sgm cluster` was asked for, its command apart.
type ClusterRequest =
    {
        Scheduler: Scheduler
        Shards: int
        Image: string
    }

    static member Of(arguments: ClusterArguments list) : ClusterRequest =
        ({ Scheduler = Scheduler.Slurm; Shards = 8; Image = "sgm" }, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | ClusterArguments.Of scheduler -> { request with Scheduler = scheduler }
            | ClusterArguments.Shards n -> { request with Shards = n }
            | ClusterArguments.Image image -> { request with Image = image })

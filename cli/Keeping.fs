/// The stores of verify, sweep and compare: where finished cells are kept, which of them run here, and what is said
/// of them.
module Sgm.Cli.Keeping

open System
open System.Collections.Concurrent
open System.Security.Cryptography
open System.Text
open System.Threading
open Sgm
open Sgm.Verification
open Sgm.Verification.JsonWriting
open Sgm.Verification.Report

/// Where the cells of a run come from and go to.
type Source =
    /// Everything runs, nothing is kept.
    | Nowhere
    /// A report's folder: what it has is not run again. Of a shard only its own cells run, and no report is made.
    | InFolder of directory: string * shard: Shard option
    /// The stores of some folders, of so many shards; nothing runs. What they have is kept in another's.
    | Joined of directories: string list * out: string * shards: int

    member this.IsShard =
        match this with
        | InFolder(_, Some _) -> true
        | _ -> false

/// What came of a run, and the ids of cells that are missing.
type Kept<'result> = { Result: 'result; Missing: string list }

/// The folder and the shard of a command line, or what is wrong with it: `--report DIR`, `--resume DIR` for one that
/// has a store.
let source (report: string option) (resume: string option) (shard: string option) : Result<Source, string> =
    let directory =
        match report, resume with
        | Some one, Some other when one <> other ->
            Error $"--report {one} and --resume {other}: cells are kept in one folder, expected the same"
        | _, Some directory when (Stores.tryAsked directory).IsNone ->
            Error $"--resume {directory}: there is no store in it; a run with --report {directory} begins one"
        | _, Some directory
        | Some directory, None -> Ok(Some directory)
        | None, None -> Ok None

    let shard = shard |> Option.map (Shard.parse (Environment.GetEnvironmentVariable >> Option.ofObj))

    match directory, shard with
    | Error message, _
    | _, Some(Error message) -> Error message
    | Ok None, Some(Ok shard) -> Error $"--shard {shard} needs a folder for its cells: --report DIR"
    | Ok None, None -> Ok Nowhere
    | Ok(Some directory), Some(Ok shard) -> Ok(InFolder(directory, Some shard))
    | Ok(Some directory), None -> Ok(InFolder(directory, None))

/// What a verb was asked for: its words, and the experiments among them.
let asked terminal verb words files : Asked =
    let hash file =
        match Loading.text terminal file with
        | Ok text -> Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text: string)))
        | Error _ -> ""

    {
        Verb = verb
        Words = words
        Files = [ for file in files -> file, hash file ]
        Shards = 1
        Program = Version.program.Value
        Version = Version.text
        Folder = IO.Directory.GetCurrentDirectory()
    }

let private place directory = Visible.line (IO.Path.Combine(directory, Stores.name))
let private cells n = Wording.count n "cell"

/// Two stores that do not agree.
exception private Conflict of sentence: string

/// What ended a run because of its store, from wherever it was raised.
let rec private ending (error: exn) =
    match error with
    | StoreLost sentence -> Some(Exit.TryAgain, $"{sentence}; what was kept stays, and the same command goes on")
    | Conflict sentence -> Some(Exit.BadInput, sentence)
    | :? AggregateException as several -> several.Flatten().InnerExceptions |> Seq.tryPick ending
    | _ -> None

/// Runs work; what ends it is said.
let private guarded terminal verb asJson work =
    try
        work ()
    with error when (ending error).IsSome ->
        let code, sentence = (ending error).Value
        Refusal.sentence terminal asJson $"sgm {verb}: {sentence}" |> ignore
        Error code

/// Files that are named like cells and are none.
let private sayTorn terminal verb (stores: Store list) =
    for store in stores do
        match store.Torn with
        | [] -> ()
        | first :: _ as torn ->
            let files = Wording.count torn.Length "file"
            Terminal.tell terminal $"sgm {verb}: {files} of {store.Folder} torn, not used: {first}"

let private withContext context (name: CellName) = { name with Asked = lazy (name.Asked.Value @ context) }

let private inFolder (terminal: Terminal) (asked: Asked) context asJson directory (shard: Shard option) work =
    let verb = asked.Verb

    guarded terminal verb asJson (fun () ->
        match Stores.open' directory with
        | Error message -> Error(Refusal.sentence terminal asJson $"sgm {verb}: {message}")
        | Ok store ->
            match Stores.tryAsked directory with
            | Some before when before.Program <> asked.Program ->
                Terminal.tell
                    terminal
                    $"sgm {verb}: {place directory} is of another build of the program ({before.Version}), whose cells are not used"
            | _ -> ()

            store.Tidy()

            Stores.say directory { asked with Shards = shard |> Option.map _.Of |> Option.defaultValue 1 }

            let found, kept = ref 0, ref 0

            let shelf =
                {
                    Concerns = fun id -> shard |> Option.forall (fun shard -> Shard.has shard id)
                    Runs = true
                    Find =
                        fun name ->
                            store.TryFind(Store.Key(withContext context name))
                            |> Option.map (fun cell ->
                                Interlocked.Increment found |> ignore
                                struct (cell.Seconds, cell.Value))
                    Keep =
                        fun name seconds write ->
                            store.Keep(withContext context name, seconds, write)
                            Interlocked.Increment kept |> ignore
                }

            // Said at once: work that does not listen is ended before it could.
            use _ =
                terminal.Cancellation.Register(fun () ->
                    Terminal.tell
                        terminal
                        $"sgm {verb}: stopped; {cells (found.Value + kept.Value)} are kept in {place directory}, and the same command goes on")

            let result = work shelf
            sayTorn terminal verb [ store ]

            match shard with
            | Some shard -> Ok(Some(shard, found.Value, kept.Value), result)
            | None ->
                if found.Value > 0 then
                    Terminal.tell
                        terminal
                        $"sgm {verb}: {found.Value} of {cells (found.Value + kept.Value)} were in {place directory} and did not run again"

                Ok(None, result))

/// A cell's value without the digits that only say where and how fast it ran.
let private sameValue (one: StoredCell) (other: StoredCell) = one.Value.GetRawText() = other.Value.GetRawText()

/// Why the store of a folder has no cells of a run, if it has none.
let private foreign (asked: Asked) directory =
    match Stores.tryAsked directory with
    | None -> Some $"there is no store in '{directory}'"
    | Some other when other.Verb <> asked.Verb || other.Words <> asked.Words ->
        Some $"'{directory}' is of another command: {other.Command []}"
    | Some other when other.Program <> asked.Program ->
        Some
            $"'{directory}' is of another build of the program ({other.Version}), whose cells this one ({asked.Version}) cannot vouch for"
    | Some other ->
        List.zip other.Files asked.Files
        |> List.tryPick (fun ((file, before), (_, now)) ->
            if before <> now then
                Some
                    $"{file} is not as it was when the cells of '{directory}' ran (in {other.Folder}); say this where the files are"
            else
                None)

let private joined terminal (asked: Asked) context asJson directories out shards work =
    guarded terminal asked.Verb asJson (fun () ->
        let opened =
            match List.tryPick (foreign asked) directories with
            | Some message -> Error message
            | None -> Stores.open' out

        match opened with
        | Error message -> Error(Refusal.sentence terminal asJson $"sgm {asked.Verb}: {message}")
        | Ok target ->
            Stores.say out { asked with Shards = shards }

            let stores =
                directories
                |> List.distinctBy IO.Path.GetFullPath
                |> List.filter (fun directory -> IO.Path.GetFullPath directory <> IO.Path.GetFullPath out)
                |> List.map Stores.reading

            let missing = ConcurrentBag<string>()
            let otherwise = ref 0

            let find (name: CellName) =
                let key = Store.Key(withContext context name)

                match
                    target :: stores |> List.choose (fun store -> store.TryBytes key |> Option.map (fun c -> store, c))
                with
                | [] ->
                    missing.Add name.Id
                    None
                | (store, (bytes, cell)) :: others ->
                    for other, (_, found) in others do
                        if not (sameValue cell found) then
                            if cell.Machine = found.Machine then
                                raise (
                                    Conflict
                                        $"{store.Folder} and {other.Folder} differ in a cell that both ran on {cell.Machine}: {name.Id}; leave one of them out"
                                )

                            Interlocked.Increment otherwise |> ignore

                    target.Copy(key, bytes)
                    Some struct (cell.Seconds, cell.Value)

            let result =
                work
                    {
                        Concerns = fun _ -> true
                        Runs = false
                        Find = find
                        Keep = fun _ _ _ -> ()
                    }

            sayTorn terminal asked.Verb (target :: stores)

            if otherwise.Value > 0 then
                Terminal.tell
                    terminal
                    $"sgm {asked.Verb}: {cells otherwise.Value} differ between machines of different instructions; those of the first folder count"

            Ok { Result = result; Missing = List.ofSeq missing })

let private jsonShard (shard: Shard) directory found kept (json: Writer) =
    json.WriteNumber("shard", shard.Index)
    json.WriteNumber("of", shard.Of)
    text json "store" (IO.Path.Combine(directory, Stores.name))
    json.WriteNumber("cells", (found + kept: int))
    json.WriteNumber("before", (found: int))

/// Runs work on a store. Ok is what came of it where a report is to be made, Error the exit code where there is
/// nothing to report: a shard, whose verdicts are in its store, or a store that cannot be used. `context` is what the
/// cells depend on besides themselves: the contents of the files of one's own.
let during
    terminal
    (asked: Asked)
    context
    asJson
    source
    (work: Shelf -> Result<'result, int>)
    : Result<Kept<'result>, int> =
    let flat found =
        match found.Result with
        | Ok result -> Ok { Result = result; Missing = found.Missing }
        | Error code -> Error code

    match source with
    | Nowhere -> flat { Result = work Shelf.none; Missing = [] }
    | Joined(directories, out, shards) ->
        joined terminal asked context asJson directories out shards work |> Result.bind flat
    | InFolder(directory, shard) ->
        match inFolder terminal asked context asJson directory shard work with
        | Error code -> Error code
        | Ok(Some(shard, found, kept), Ok _) ->
            if asJson then
                Terminal.json terminal "sgm.shard/1" None (jsonShard shard directory found kept)
            else
                let before = if found = 0 then "" else $", {found} of them from before"
                terminal.Out.WriteLine $"shard {shard}: {cells (found + kept)}{before}, in {place directory}"

            Error Exit.Fine
        | Ok(_, result) -> flat { Result = result; Missing = [] }

/// Says which shards are missing and what runs them; the exit code.
let told terminal verb (asked: Asked) source (missing: string list) code =
    match source, missing with
    | Joined(_, out, count), _ :: _ ->
        Terminal.tell terminal $"sgm {verb}: {cells missing.Length} are missing; what runs them:"
        let shards = missing |> List.countBy (Shard.ofId count) |> List.sort
        let shown = 40

        for index, n in List.truncate shown shards do
            let shard = if count = 1 then [] else [ "--shard"; $"{index}/{count}" ]
            let command = asked.Command(shard @ [ "--report"; out ])
            Terminal.tell terminal $"  {command}    # {cells n}"

        if shards.Length > shown then
            Terminal.tell terminal $"  and {shards.Length - shown} more shards"

        if code = Exit.BadInput then code else Exit.TryAgain
    | _ -> code

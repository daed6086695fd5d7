namespace Sgm.Cli

open System
open Argu
open Sgm
open Sgm.Verification

/// What is said of the arguments that several verbs have.
module internal Usage =
    let experiment = "an experiment (.sgm), or - for standard input"
    let set = "another number for a 'let' of the file: --set h=0.05; may be given several times."
    let json = "one JSON document on standard output and nothing else."
    let resume = "go on with the run whose store is in this folder: --report for one that was begun."

    let shard =
        "run the cells whose id hashes to I of N alone, and make no report: 0/8; 8 or auto under Slurm or Kubernetes."

type RunArguments =
    | [<MainCommand; ExactlyOnce>] File of FILE: string
    | [<EqualsAssignmentOrSpaced>] Set of ASSIGNMENT: string
    | [<Unique; EqualsAssignmentOrSpaced>] By of By
    | [<Unique; EqualsAssignmentOrSpaced>] Threads of N: int
    | [<Unique; EqualsAssignmentOrSpaced>] Particles of N: int
    | [<Unique; EqualsAssignmentOrSpaced>] Seed of N: int64
    | [<Unique>] Full
    | [<Unique>] Fit
    | [<Unique; EqualsAssignmentOrSpaced>] Samples of OUT: string
    | [<Unique; EqualsAssignmentOrSpaced>] Report of DIR: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | File _ -> $"{Usage.experiment}."
            | Set _ -> Usage.set
            | By _ -> "who runs it: an exact law where one applies (auto), only an exact law, or Monte Carlo."
            | Samples _ ->
                "write the particles at the end, or as many draws of an exact law, to a file: .csv, or .npy for NumPy."
            | Report _ -> "also write a page with pictures of the law along the run into this folder."
            | Threads _ -> "how many threads; one a core if not given. The numbers do not depend on it."
            | Particles _ -> "how many particles, instead of what the file says."
            | Seed _ -> "the seed, instead of what the file says."
            | Full -> "mean and variance of every coordinate in more than 16 dimensions too."
            | Fit ->
                "test at every probe whether the particles are draws of the target there (kernel Stein discrepancy of the first 1000)."
            | Json -> Usage.json

type CheckArguments =
    | [<MainCommand; ExactlyOnce>] File of FILE: string
    | [<EqualsAssignmentOrSpaced>] Set of ASSIGNMENT: string
    | [<Unique>] All
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | File _ -> $"{Usage.experiment}."
            | Set _ -> Usage.set
            | All -> "every theorem, also those that do not cover the experiment, with the reason."
            | Json -> Usage.json

type ExplainArguments =
    | [<MainCommand; ExactlyOnce>] File of FILE: string
    | [<EqualsAssignmentOrSpaced>] Set of ASSIGNMENT: string
    | [<Unique>] All

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | File _ -> $"{Usage.experiment}."
            | Set _ -> Usage.set
            | All -> "every theorem with every assumption, also those that do not cover the experiment."

type VerifyArguments =
    | [<MainCommand>] Ids of ID: string list
    | [<EqualsAssignmentOrSpaced>] Set of ASSIGNMENT: string
    | [<Unique>] Axis_By_Axis
    | [<Unique; EqualsAssignmentOrSpaced>] Effort of Effort
    | [<Unique; EqualsAssignmentOrSpaced>] Report of DIR: string
    | [<Unique; EqualsAssignmentOrSpaced>] Resume of DIR: string
    | [<Unique; EqualsAssignmentOrSpaced>] Shard of PART: string
    | [<Unique; EqualsAssignmentOrSpaced>] Junit of FILE: string
    | [<Unique; EqualsAssignmentOrSpaced>] Sabotage of FILE: string
    | [<Unique>] Allow_Inconclusive
    | [<Unique>] Wide
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Ids _ ->
                "theorems, or the beginnings or parts of their names; all of them if none is given. Of files (.sgm) the claims are held against their experiments; without any, the theorems that cover them."
            | Set _ -> Usage.set
            | Axis_By_Axis -> "vary one axis of a family at a time, around the first values of the others."
            | Effort _ -> "how many cells: quick if not given."
            | Report _ -> "where the report goes, and the store of finished cells; sgm-report if not given."
            | Resume _ -> Usage.resume
            | Shard _ -> Usage.shard
            | Junit _ -> "also write the checks as JUnit XML."
            | Sabotage _ ->
                "also plant every seeded bug, and write as Markdown which check catches which; full effort plants them too."
            | Allow_Inconclusive ->
                "exit with 0 although checks stayed open; without it an open question is exit code 1."
            | Wide -> "a line a check, not a line a theorem."
            | Json -> Usage.json

type CertifyArguments =
    | [<MainCommand; ExactlyOnce>] File of FILE: string
    | [<EqualsAssignmentOrSpaced>] Set of ASSIGNMENT: string
    | [<Unique>] Explain
    | [<Unique; EqualsAssignmentOrSpaced>] Report of DIR: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | File _ -> $"{Usage.experiment}."
            | Set _ -> Usage.set
            | Explain -> "print every rule that the bounds were composed of, with its numbers and its source."
            | Report _ -> "also write a page with pictures, contributions and the derivation into this folder."
            | Json -> Usage.json

/// What a schedule is to make small.
type TuneBy =
    | Certificate = 1
    | Exact = 2

type ScoreArguments =
    | [<MainCommand; ExactlyOnce>] File of FILE: string
    | [<EqualsAssignmentOrSpaced>] Set of ASSIGNMENT: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | File _ -> $"{Usage.experiment}."
            | Set _ -> Usage.set
            | Json -> Usage.json

type TuneArguments =
    | [<MainCommand; ExactlyOnce>] File of FILE: string
    | [<EqualsAssignmentOrSpaced>] Set of ASSIGNMENT: string
    | [<ExactlyOnce; EqualsAssignmentOrSpaced>] Evaluations of N: int
    | [<Unique; EqualsAssignmentOrSpaced>] By of TuneBy
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | File _ -> $"{Usage.experiment}; with one anneal that has a predictor."
            | Set _ -> Usage.set
            | Evaluations _ -> "how many score evaluations the sampler may make per particle."
            | TuneArguments.By _ ->
                "certificate (the default): the least bound; exact: the least that was found of the first measured metric, by an exact law."
            | Json -> Usage.json

type SweepArguments =
    | [<MainCommand; ExactlyOnce>] File of FILE: string
    | [<EqualsAssignmentOrSpaced>] Over of AXIS: string
    | [<EqualsAssignmentOrSpaced>] Set of ASSIGNMENT: string
    | [<Unique; EqualsAssignmentOrSpaced>] By of By
    | [<Unique>] Csv
    | [<Unique; EqualsAssignmentOrSpaced>] Report of DIR: string
    | [<Unique; EqualsAssignmentOrSpaced>] Resume of DIR: string
    | [<Unique; EqualsAssignmentOrSpaced>] Shard of PART: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | File _ -> $"{Usage.experiment}, with numbers by 'let'."
            | Over _ ->
                "values of a 'let': --over h=0.2,0.1,0.05 or --over n=2^3..2^10; may be given several times. The 'oneOf' of the file if not given."
            | Set _ -> Usage.set
            | By _ -> "who runs it: an exact law where one applies (auto), only an exact law, or Monte Carlo."
            | Csv -> "comma-separated values on standard output and nothing else."
            | Report _ ->
                "also write a page with plots and fitted exponents into this folder, and keep finished cells there."
            | Resume _ -> Usage.resume
            | Shard _ -> Usage.shard
            | Json -> Usage.json

type CompareArguments =
    | [<MainCommand; ExactlyOnce>] Files of FILE: string list
    | [<ExactlyOnce; EqualsAssignmentOrSpaced>] Evaluations of N: string
    | [<EqualsAssignmentOrSpaced>] Set of ASSIGNMENT: string
    | [<Unique; EqualsAssignmentOrSpaced>] By of By
    | [<Unique>] Catalogue
    | [<Unique; EqualsAssignmentOrSpaced>] Report of DIR: string
    | [<Unique; EqualsAssignmentOrSpaced>] Resume of DIR: string
    | [<Unique; EqualsAssignmentOrSpaced>] Shard of PART: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Files _ -> "experiments (.sgm) on one target, each with one anneal that has a predictor."
            | Evaluations _ -> "score evaluations per particle, separated by commas: 8,16,32,64."
            | Set _ -> Usage.set
            | By _ -> "who runs them: an exact law where one applies (auto), only an exact law, or Monte Carlo."
            | Catalogue -> "every predictor of the language in place of the file's own."
            | Report _ ->
                "also write a page with plots, and the plots as .svg, into this folder, and keep finished cells there."
            | Resume _ -> Usage.resume
            | Shard _ -> Usage.shard
            | Json -> Usage.json

/// The forward processes that a word alone names.
[<RequireQualifiedAccess>]
type ForwardWord =
    | Vp
    | Ve
    | SubVp
    | Rectified

    member this.Forward =
        match this with
        | Vp -> Forward.Vp
        | Ve -> Forward.Ve
        | SubVp -> Forward.SubVp
        | Rectified -> Forward.Rectified

type MeasureArguments =
    | [<MainCommand; ExactlyOnce>] Files of FILE: string list
    | [<Unique; EqualsAssignmentOrSpaced>] Target of LAW: string
    | [<Unique; EqualsAssignmentOrSpaced>] Forward of PROCESS: ForwardWord
    | [<Unique; EqualsAssignmentOrSpaced>] Level of X: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Files _ -> "one file of samples and a target, or two files; .npy, or .csv with a row a line."
            | Target _ -> "the law that the samples should have, as in a file: \"normal [ 0.0 ] 1.0\"."
            | Forward _ -> "the process that the level is of: ve if not given."
            | Level _ ->
                "the level of the target: the noise σ (ve) or the time t (the others); 0, the data, if not given."
            | Json -> Usage.json

type TheoremsArguments =
    | [<MainCommand; Unique>] Id of ID: string
    | [<Unique; EqualsAssignmentOrSpaced>] Compare of FILE: string
    | [<Unique; EqualsAssignmentOrSpaced>] Accuracy of A: string
    | [<Unique; EqualsAssignmentOrSpaced>] Report of DIR: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Id _ -> "a theorem, or the beginning or a part of its name."
            | Compare _ ->
                "set the theorems beside each other on the target and sampler of an experiment: what each says of it, "
                + "prescribes and costs, the certificate, and what an exact law measures."
            | Accuracy _ -> "with --compare: what is asked of the theorems that prescribe, 0.5,0.2 if not given."
            | Report _ -> "with --compare: also write a page with pictures into this folder."
            | Json -> Usage.json

type PlanArguments =
    | [<MainCommand; ExactlyOnce>] Theorem of ID: string
    | [<ExactlyOnce; EqualsAssignmentOrSpaced>] Target of LAW: string
    // Not a float of Argu's, which takes 0,1 for 1.
    | [<ExactlyOnce; EqualsAssignmentOrSpaced>] Accuracy of A: string
    | [<Unique>] Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Theorem _ -> "a theorem that prescribes an experiment, or the beginning or a part of its name."
            | Target _ -> "the data distribution, as in a file: \"normal [ 0.0 ] 1.0\"."
            | Accuracy _ -> "what the theorem's bound may be at most, in the theorem's own metric."
            | Json -> Usage.json

[<RequireQualifiedAccess>]
type Shell =
    | Bash
    | Zsh
    | Fish

/// What runs jobs.
[<RequireQualifiedAccess>]
type Scheduler =
    | Slurm
    | Kubernetes
    | Parallel

type CompletionArguments =
    | [<MainCommand; ExactlyOnce>] Shell of SHELL: Shell

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Shell _ -> "the shell whose completions are printed: bash, zsh or fish."

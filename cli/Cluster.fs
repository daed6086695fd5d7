/// `sgm cluster`: the job file that runs a command in shards and joins them.
module Sgm.Cli.Cluster

open System.Text.Json
open Sgm
open Sgm.Verification
open Sgm.Verification.Report

/// The verbs that have shards.
let private sharded = [ "verify"; "sweep"; "compare" ]

/// A command in shards: its words, and those that are its folder's and its merge's.
type private Job =
    {
        Verb: string
        Words: string list
        Folder: string
        /// What the merge is told besides.
        Merge: string list
    }

    member this.Shard part = Asked.Spelled(this.Verb :: this.Words @ [ "--shard"; part; "--report"; this.Folder ])
    member this.Join = Asked.Spelled([ "merge"; this.Folder; "--report"; this.Folder ] @ this.Merge)

/// The command without where its output goes and how it is shown, which are the merge's; or what is wrong with it.
let private jobOf (words: string list) =
    let rec parted (job: Job) (words: string list) =
        match words with
        | "--report" :: folder :: rest
        | "--resume" :: folder :: rest -> parted { job with Folder = folder } rest
        | "--junit" :: file :: rest -> parted { job with Merge = job.Merge @ [ "--junit"; file ] } rest
        | ("--allow-inconclusive" | "--wide" | "--csv" | "--json" as flag) :: rest ->
            parted { job with Merge = job.Merge @ [ flag ] } rest
        | word :: rest when word.StartsWith "--" && word.Contains '=' ->
            let parts = word.Split('=', 2)

            if List.contains parts[0] [ "--report"; "--resume"; "--junit" ] then
                parted job (parts[0] :: parts[1] :: rest)
            else
                parted { job with Words = job.Words @ [ word ] } rest
        | word :: rest -> parted { job with Words = job.Words @ [ word ] } rest
        | [] -> job

    match words with
    | [] -> Error(Refused "sgm cluster: which command? Expected verify, sweep or compare behind the scheduler")
    | verb :: rest ->
        let read =
            match verb with
            | "verify" -> Arguments.parse<VerifyArguments> verb rest |> Result.map ignore
            | "sweep" -> Arguments.parse<SweepArguments> verb rest |> Result.map ignore
            | _ -> Arguments.parse<CompareArguments> verb rest |> Result.map ignore

        read
        |> Result.bind (fun () ->
            let job = parted { Verb = verb; Words = []; Folder = VerifyRequest.Nowhere; Merge = [] } rest

            match
                job.Words
                |> List.tryFind (fun word ->
                    List.contains word [ "--shard"; "--sabotage" ] || word.StartsWith "--shard=")
            with
            | Some word ->
                Error(Refused $"sgm cluster: {word} is not of a job, which has all shards and no planted bugs")
            | None -> Ok job)

let private head shebang scheduler how =
    [
        if shebang then
            "#!/usr/bin/env bash"
        $"# Written by sgm cluster {scheduler} (SgmDsl {Version.text}); {how}."
        "# A shard may run twice, or be killed and run again: what its store has is not run again."
    ]

let private slurm (job: Job) shards =
    [
        yield!
            head
                true
                "slurm"
                "run it where the files are, with bash: it submits an array and the merge that waits for it"
        "set -euo pipefail"
        "# Wrong input ends the array; 75 (a full disk, a lost store) is put back into the queue."
        $"array=$(sbatch --parsable --job-name=sgm-{job.Verb} --array=0-{shards - 1} --cpus-per-task=1 --requeue \\"
        "    --output=sgm-%A_%a.log --open-mode=append <<'JOB'"
        "#!/usr/bin/env bash"
        "export DOTNET_PROCESSOR_COUNT=\"${SLURM_CPUS_PER_TASK:-1}\""
        "code=0"
        job.Shard "auto" + " || code=$?"
        "if [ \"$code\" = 75 ]; then scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"; fi"
        "exit \"$code\""
        "JOB"
        ")"
        $"merge=$(sbatch --parsable --job-name=sgm-merge --dependency=\"afterok:$array\" --kill-on-invalid-dep=yes \\"
        "    --output=sgm-merge-%j.log <<'JOB'"
        "#!/usr/bin/env bash"
        $"exec {job.Join}"
        "JOB"
        ")"
        "echo \"array $array, merge $merge\""
    ]

let private parallel' (job: Job) shards =
    [
        yield!
            head
                true
                "parallel"
                "run it where the files are, with bash and GNU parallel; --sshloginfile for more machines"
        "set -euo pipefail"
        "export DOTNET_PROCESSOR_COUNT=1"
        $"seq 0 {shards - 1} | parallel -q --joblog sgm-{job.Verb}.joblog --retries 3 \\"
        "    " + job.Shard("{}/" + string shards)
        $"exec {job.Join}"
    ]

let private kubernetes (job: Job) shards image =
    let words (command: string) = JsonSerializer.Serialize [| "sh"; "-c"; "exec " + command |]

    let container command =
        [
            "        - name: sgm"
            $"          image: {JsonSerializer.Serialize(image: string)}"
            "          workingDir: /work"
            $"          command: {words command}"
            "          resources: { requests: { cpu: \"1\" }, limits: { cpu: \"1\" } }"
            "          volumeMounts: [ { name: work, mountPath: /work } ]"
            "      volumes:"
            "        - name: work"
            "          persistentVolumeClaim: { claimName: sgm }"
        ]

    let one name (indexed: string list) command =
        [
            "apiVersion: batch/v1"
            "kind: Job"
            $"metadata: {{ name: {name} }}"
            "spec:"
            yield! indexed
            "  podFailurePolicy:"
            "    rules:"
            "      - { action: FailJob, onExitCodes: { containerName: sgm, operator: In, values: [ 2 ] } }"
            "      - { action: Ignore, onExitCodes: { containerName: sgm, operator: In, values: [ 75 ] } }"
            "  template:"
            "    spec:"
            "      restartPolicy: Never"
            "      containers:"
            yield! container command
        ]

    [
        yield!
            head false "kubernetes" "kubectl apply -f; the claim 'sgm' is a volume that all nodes write, with the files"
        yield!
            one
                $"sgm-{job.Verb}"
                [
                    "  completionMode: Indexed"
                    $"  completions: {shards}"
                    $"  parallelism: {shards}"
                    "  backoffLimitPerIndex: 3"
                ]
                (job.Shard(string shards))
        "---"
        "# Exits with 75 while shards are missing, and is tried again until they are there."
        yield! one "sgm-merge" [ "  backoffLimit: 0" ] job.Join
    ]

/// The words before the verb are the scheduler's, those behind it the command's.
let command (terminal: Terminal) words =
    let at = words |> List.tryFindIndex (fun word -> List.contains word sharded) |> Option.defaultValue words.Length
    let own, command = List.splitAt at words
    let refuse message = Refusal.sentence terminal false message

    let stopped stop =
        match stop with
        | HelpAsked text ->
            terminal.Out.WriteLine text
            Exit.Fine
        | Refused message -> refuse message

    let unknown =
        own
        |> List.tryHead
        |> Option.filter (fun word -> word[0] <> '-' && not (List.contains word Arguments.schedulers))

    match Arguments.parse<ClusterArguments> "cluster" own with
    | _ when unknown.IsSome ->
        let known = String.concat ", " Arguments.schedulers

        let advice =
            match Nearest.word Arguments.schedulers unknown.Value with
            | Some nearest -> $"did you mean '{nearest}'?"
            | None -> $"known are {known}"

        refuse $"sgm cluster: unknown scheduler '{unknown.Value}'; {advice}"
    | Error stop -> stopped stop
    | Ok arguments ->
        let request = ClusterRequest.Of arguments

        if request.Shards < 1 || request.Shards > Shard.most then
            refuse $"sgm cluster: --shards {request.Shards}, expected 1 to {Shard.most}"
        else
            match jobOf command with
            | Error stop -> stopped stop
            | Ok job ->
                let lines =
                    match request.Scheduler with
                    | Scheduler.Slurm -> slurm job request.Shards
                    | Scheduler.Kubernetes -> kubernetes job request.Shards request.Image
                    | Scheduler.Parallel -> parallel' job request.Shards

                for line in lines do
                    terminal.Out.Write(line + "\n")

                Exit.Fine

/// What `sgm --help` says: one screen.
module Sgm.Cli.Help

open System
open Sgm.Verification

/// A verb of `sgm`.
type Verb = { Name: string; Takes: string; Summary: string; Example: string }

let verbs =
    [
        {
            Name = "run"
            Takes = "FILE"
            Summary = "Run an experiment and measure its law at every probe"
            Example = "sgm run examples/annealed-mixture.sgm --by particles --seed 7"
        }
        {
            Name = "check"
            Takes = "FILE"
            Summary = "Find errors; say the cost on this machine, and which laws and theorems apply"
            Example = "sgm check examples/old-faithful.sgm"
        }
        {
            Name = "certify"
            Takes = "FILE"
            Summary = "Bound the distance to the target, with every step's share and a derivation"
            Example = "sgm certify examples/annealed-mixture.sgm --explain"
        }
        {
            Name = "score"
            Takes = "FILE"
            Summary = "Show the score's error at every level, and what it costs there"
            Example = "sgm score examples/digits-network.sgm"
        }
        {
            Name = "tune"
            Takes = "FILE"
            Summary = "Print the experiment with the levels whose certificate is least"
            Example = "sgm tune examples/learned-score.sgm --evaluations 20"
        }
        {
            Name = "sweep"
            Takes = "FILE"
            Summary = "Run a family over its axes, with slopes and fitted exponents"
            Example = "sgm sweep examples/own-theorem.sgm --over h=0.4,0.2,0.1,0.05"
        }
        {
            Name = "compare"
            Takes = "FILE…"
            Summary = "Hold samplers against each other at equal score evaluations"
            Example = "sgm compare examples/ddpm-gaussian.sgm --catalogue --evaluations 16,32,64"
        }
        {
            Name = "measure"
            Takes = "FILE [FILE]"
            Summary = "Hold samples (.csv, .npy) against a target, or against each other"
            Example = "sgm measure samples.npy --target \"normal [ 0.0 ] 1.0\""
        }
        {
            Name = "explain"
            Takes = "FILE"
            Summary = "Show the steps, levels and coefficients that would run"
            Example = "sgm explain examples/ddpm-gaussian.sgm"
        }
        {
            Name = "verify"
            Takes = "[FILE…] [ID…]"
            Summary = "Hold theorems against runs, or against your own, and write a report"
            Example = "sgm verify lee-2022 --effort standard --report my-report"
        }
        {
            Name = "report"
            Takes = "DIR"
            Summary = "Make the report of what a store has, also of a run that was stopped"
            Example = "sgm report my-report"
        }
        {
            Name = "merge"
            Takes = "DIR…"
            Summary = "Join the stores of shards, and report the whole or what is missing"
            Example = "sgm merge part-0 part-1 --report whole"
        }
        {
            Name = "cluster"
            Takes = "KIND VERB…"
            Summary = "Print the job file that runs verify, sweep or compare in shards"
            Example = "sgm cluster slurm --shards 8 verify lee-2022 --report my-report > job; bash job"
        }
        {
            Name = "plan"
            Takes = "ID"
            Summary = "Print the experiment that a theorem prescribes for a target and an accuracy"
            Example = "sgm plan bruno-2023-log-concave --target \"normal [ 1.0; 1.0 ] 0.5\" --accuracy 0.1"
        }
        {
            Name = "theorems"
            Takes = "[ID]"
            Summary = "List the theorems, show one, or compare them on an experiment"
            Example = "sgm theorems --compare examples/ddpm-gaussian.sgm"
        }
        {
            Name = "completion"
            Takes = "SHELL"
            Summary = "Print what completes sgm in bash, zsh or fish"
            Example = "sgm completion bash >> ~/.bashrc"
        }
    ]

let private find name = verbs |> List.find (fun verb -> verb.Name = name)
let summary name = (find name).Summary
let exampleOf name = $"EXAMPLE:\n\n    {(find name).Example}"

/// An experiment that has every kind of word.
let smallest =
    "experiment {\n  target (normal [ 0.0 ] 1.0)\n  forward vp\n  sampler (anneal (uniform 1.0 0.0 1) (predictor ancestral))\n}"

/// The verbs whose example the whole help has; every verb's own help has its.
let private shown = [ "run"; "check"; "certify"; "sweep"; "compare"; "verify"; "cluster" ]

/// The whole help, at most 40 lines of at most 100 characters.
let text () =
    String.Join(
        "\n",
        [
            $"sgm {Version.release}: diffusion samplers as programs, held against their theorems."
            ""
            "USAGE: sgm VERB [arguments]          sgm VERB --help lists the flags of a verb"
            "       sgm FILE.sgm                  runs it; FILE is '-' for standard input"
            ""
            for verb in verbs do
                $"""  {(verb.Name + " " + verb.Takes).PadRight 21}{verb.Summary}."""
            ""
            "EXAMPLES:"
            ""
            for name in shown do
                $"  {(find name).Example}"
            ""
            "With --json, standard output is one JSON document; messages and progress go to standard error."
            ""
            "EXIT CODES: 0 fine, 1 a check was violated or stayed open, or a plan does not keep its bound,"
            "            2 the input or the command line is wrong, 3 the run failed numerically,"
            "            75 try again (a full disk, missing shards), 130 cancelled"
        ]
    )

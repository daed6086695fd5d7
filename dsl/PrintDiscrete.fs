namespace Sgm

open System.IO
open PrintParts

/// The canonical text of discrete diffusion: `discrete { … }`, all six fields.
module internal PrintDiscrete =
    /// A law of symbols that starts at this column; parts one a line.
    let rec private symbols (out: TextWriter) column law =
        let parts (word: string) write (items: 'item list) =
            out.Write(word + " ")
            list out (newLine (column + word.Length + 3)) write items

        match law with
        | SymbolLaw.Table(n, masses) ->
            out.Write $"table {n} "
            vectorArgument out masses
        | SymbolLaw.Independent blocks ->
            parts
                "independent"
                (fun (count: int, masses) ->
                    out.Write $"{count}, "
                    vectorArgument out masses)
                blocks
        | SymbolLaw.LatentClasses components ->
            parts
                "latentClasses"
                (fun (weight, inner) ->
                    let label = number weight + ", "
                    out.Write label
                    symbols out (column + 16 + label.Length) inner)
                components
        | SymbolLaw.IsingChain(dimension, coupling, field) ->
            out.Write $"isingChain {dimension} {number coupling} {number field}"

    let private rates (given: Rates) =
        let law =
            match given.Of with
            | None -> "exactRates"
            | Some law ->
                let inner = text (fun out -> symbols out 24 law)
                $"ratesOf ({inner})"

        if given.Bias <> 0.0 then
            $"({law} |> skewed {number given.Bias})"
        else
            parenthesised law

    let private jumps given =
        match given with
        | Jumps.EulerJumps -> "eulerJumps"
        | Jumps.TauLeaping -> "tauLeaping"
        | Jumps.Uniformisation -> "uniformisation"

    let write (out: TextWriter) (experiment: Experiment) (own: Discrete) =
        let field = field out
        let words name (text: string) = field name (fun () -> out.Write text)
        out.Write "discrete {\n"

        field "target" (fun () ->
            out.Write '('
            symbols out column own.Law
            out.Write ')')

        words "times" (parenthesised (schedule own.Times))
        words "rates" (rates own.Rates)
        words "start" (parenthesised (start column experiment.Start))
        words "sampler" (jumps own.Jumps)
        field "measure" (fun () -> metrics out experiment.Measure)
        out.Write "}\n"

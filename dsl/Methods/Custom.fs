namespace Sgm

open System
open Sgm.Engine

[<AutoOpen>]
module CustomMethod =
    /// A predictor of one's own under a name: lines of formulas in z = x/m and ρ = σ/m, the last one the state at ρ′. The
    /// same text in F#, C# and `.sgm` files:
    /// `custom "midpoint" [] [ "s = sqrt (rho * rho')"; "y = s/rho * z + (1 - s/rho) * denoise rho z"; "…" ]`.
    let custom (name: string) (parameters: (string * float) list) (lines: string list) =
        let read, faults = CustomStep.read parameters lines

        let unnamed =
            if String.IsNullOrWhiteSpace name then
                [ [ Segment.Part "name" ], Fault.Empty "a name" ]
            else
                []

        let quoted text = Escape.quoted text

        let listed (items: string list) = if items.IsEmpty then "[]" else "[ " + String.Join("; ", items) + " ]"

        {
            Word = "custom"
            Arguments =
                [
                    quoted name
                    listed [ for key, value in parameters -> $"{quoted key}, {Numeral.ofFloat value}" ]
                    listed (List.map quoted lines)
                ]
            Faults = unnamed @ faults
            IsCustom = true
            Step =
                CustomStep.tableau $"custom {Visible.line name}" parameters read
                >> Result.map (fun tableau -> [ Instruction.Step tableau ])
        }

    let internal customWord =
        Word.word3
            "custom"
            ("name", Kind.text)
            ("parameters", Kind.many "parameter" (Kind.pair ("", Kind.text) ("value", Kind.number)))
            ("lines", Kind.many "line" Kind.text)
            Kind.predictor
            custom
            "custom \"euler\" [] [ \"d = denoise rho z\"; \"rho'/rho * z + (1 - rho'/rho) * d\" ]"
            "a step of one's own in z = x/m and ρ = σ/m, lines `name = formula` and last the state at ρ′; knows `rho`, `rho'`, `z`, `denoise ρ y` and one draw `noise`"

/// Where the statements come from.
module Sgm.Verification.Theorems.Papers

open Sgm.Verification

/// A statement of a paper's shape whose constants are proved in docs/theory.md.
let companion paper reference statement =
    { Paper = paper; Reference = reference; Statement = statement; IsCompanion = true }

let lee = companion "Lee, Lu and Tan 2022" "arXiv 2206.06227"
let pedrotti = companion "Pedrotti, Maas and Mondelli 2024" "arXiv 2305.14164"
let bruno = companion "Bruno, Zhang, Lim, Akyildiz and Sabanis 2023" "arXiv 2311.13584"

/// Not a paper's: proved in docs/theory.md alone.
let closedForms statement =
    {
        Paper = "Closed forms"
        Reference = "docs/theory.md"
        Statement = statement
        IsCompanion = false
    }

namespace Sgm

open System
open System.Globalization

/// Text as a terminal may show it: names, words, cells and paths are whatever their author, or an enemy, put into them.
module Visible =

    /// Characters that a terminal obeys instead of showing them: escapes and other controls, marks that turn the direction of
    /// writing or show nothing, line separators.
    let isHidden (c: char) =
        match Char.GetUnicodeCategory c with
        | UnicodeCategory.Control
        | UnicodeCategory.Format
        | UnicodeCategory.LineSeparator
        | UnicodeCategory.ParagraphSeparator -> true
        | _ -> false

    let private escaped keeps (text: string) =
        let hides c = isHidden c && not (keeps c)

        if String.exists hides text then
            text |> String.collect (fun c -> if hides c then $"\\u{int c:X4}" else string c)
        else
            text

    /// One line: every hidden character as `\u001B`, line ends too.
    let line (text: string) = escaped (fun _ -> false) text

    /// Lines: the same, but a line end ends the line.
    let text (text: string) = escaped (fun c -> c = '\n') text

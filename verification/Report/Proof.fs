namespace Sgm.Verification.Report

open System.IO
open System.Reflection
open System.Text.RegularExpressions

/// The parts of the READMEs of verification/, which travel inside the program: statements and proofs for the page.
module Proof =
    let private el = Markup.el

    let private texts =
        lazy
            (let assembly = Assembly.GetExecutingAssembly()

             [
                 for name in assembly.GetManifestResourceNames() do
                     if name.EndsWith "README.md" then
                         use stream = assembly.GetManifestResourceStream name
                         use reader = new StreamReader(stream)
                         reader.ReadToEnd().ReplaceLineEndings "\n"
             ])

    /// Sections of the second level: heading and lines.
    let private sections =
        lazy
            [
                for text in texts.Value do
                    for section in Regex.Split(text, @"^(?=#{1,2} )", RegexOptions.Multiline) do
                        if section.StartsWith "## " then
                            let lines = section.TrimEnd().Split '\n' |> List.ofArray
                            lines.Head.Substring 3, lines.Tail
            ]

    /// The lines on a statement: the section whose heading names it, otherwise the entry of a list that begins with its name.
    let private lines (id: string) =
        let name = $"`{id}`"

        let entry (_, lines: string list) =
            let startsHere (line: string) = line.StartsWith($"- {name}", System.StringComparison.Ordinal)

            match lines |> List.skipWhile (startsHere >> not) with
            | [] -> None
            | first :: rest -> Some(first :: (rest |> List.takeWhile (fun line -> not (line.StartsWith "- "))))

        sections.Value
        |> List.tryFind (fun (heading, _) -> heading.Contains name)
        |> Option.map snd
        |> Option.orElseWith (fun () -> sections.Value |> List.tryPick entry)

    /// Code, emphasis and formulas of a line of Markdown.
    let private inlined (line: string) =
        Regex.Split(line, @"(`[^`]+`|(?<![\w*])\*{1,2}[^* ][^*]*\*{1,2}(?![\w*]))")
        |> List.ofArray
        |> List.collect (fun part ->
            if part.Length > 2 && part[0] = '`' then
                [ el "code" [] [ Markup.text (part.Trim '`') ] ]
            elif part.Length > 2 && part[0] = '*' && part.EndsWith '*' then
                [ el "em" [] (Maths.render (part.Trim '*')) ]
            else
                Maths.render part)

    let private startsItem (line: string) = Regex.IsMatch(line, @"^\s*(- |\d+\. )")

    /// Lines that belong together as one, an entry of a list as a paragraph of its own.
    let private paragraphs (block: string list) =
        ([], block)
        ||> List.fold (fun done' line ->
            match done' with
            | last :: rest when not (startsItem line) -> $"{last} {line.Trim()}" :: rest
            | _ -> line.Trim() :: done')
        |> List.rev

    let private block (lines: string list) =
        let isAll (start: string) = lines |> List.forall (fun line -> line.TrimStart().StartsWith start)

        if isAll "|" then
            [ el "pre" [] [ Markup.text (String.concat "\n" lines) ] ]
        elif isAll ">" then
            let quoted = lines |> List.map (fun line -> line.TrimStart().Substring(1).Trim())
            [ el "p" [ "class", "statement" ] (inlined (String.concat " " quoted)) ]
        else
            paragraphs lines |> List.map (fun line -> el "p" [] (inlined line))

    /// Statement, proof and remarks of a statement; nothing where no README has one.
    let ofStatement (id: string) =
        let rec blocks lines =
            match lines |> List.skipWhile System.String.IsNullOrWhiteSpace with
            | [] -> []
            | rest ->
                let here = rest |> List.takeWhile (System.String.IsNullOrWhiteSpace >> not)
                here :: blocks (List.skip here.Length rest)

        lines id |> Option.map (blocks >> List.collect block) |> Option.defaultValue []

namespace Sgm.Cli

open System
open System.Text.RegularExpressions
open FSharp.Reflection
open Argu
open Sgm

/// What follows a flag.
type Values =
    | NoValue
    | Choice of words: string list
    /// A file or a folder.
    | Path
    /// A number or a text of one's own.
    | Free

/// A flag of a verb, for completions.
type Flag = { Name: string; Usage: string; Values: Values }

/// Why a command line was not run.
type Stop =
    | HelpAsked of text: string
    | Refused of message: string

/// From the words after a verb to its arguments.
module Arguments =
    let private flagNames (parser: ArgumentParser) =
        parser.GetArgumentCases()
        |> List.collect (fun case -> case.CommandLineNames.Value)
        |> List.append [ "--help"; "-h" ]

    let private didYouMean known found =
        match Nearest.word known found with
        | Some word -> $"; did you mean '{word}'?"
        | None -> "."

    /// A word that looks like a flag and is none: Argu would take it for a file.
    let private unknownFlag parser (words: string list) =
        let known = flagNames parser
        let name (word: string) = Array.head (word.Split '=')
        let isFlag (word: string) = word.Length > 1 && word[0] = '-' && not (Char.IsDigit word[1] || word[1] = '.')

        words
        |> List.tryFind (fun word -> isFlag word && not (List.contains (name word) known))
        |> Option.map (fun word -> $"unknown flag '{word}'{didYouMean known (name word)}")

    /// The first line of Argu's message, with the nearest known word.
    let private explain (message: string) =
        let line = (Array.head (message.Split '\n')).Replace("ERROR: ", "").Trim().TrimEnd('.')
        let unknown = Regex.Match(line, "^unrecognized argument: '(.*)'$")
        let number = Regex.Match(line, "^parameter '(.*)' must be followed by <N>, but was '(.*)'$")
        let choice = Regex.Match(line, "by <([a-z|]+)>, but was '(.*)'$")

        if unknown.Success then
            $"unexpected argument '{unknown.Groups[1].Value}'."
        elif number.Success then
            let flag = number.Groups[1].Value
            let largest = if flag = "--seed" then string Int64.MaxValue else string Int32.MaxValue
            $"{flag}: found '{number.Groups[2].Value}', expected a whole number up to {largest}."
        elif choice.Success then
            let known = choice.Groups[1].Value.Split '|' |> List.ofArray
            line + didYouMean known choice.Groups[2].Value
        else
            line + "."

    let private parser<'Arguments when 'Arguments :> IArgParserTemplate> (verb: string) =
        ArgumentParser.Create<'Arguments>(
            programName = $"sgm {verb}",
            helpTextMessage = (if verb = "" then "" else $"{Help.summary verb}.\n"),
            usageStringCharacterWidth = 100,
            errorHandler = ExceptionExiter(),
            checkStructure = false
        )

    /// The arguments of a verb in their order, or help, or what is wrong with them.
    let parse<'Arguments when 'Arguments :> IArgParserTemplate>
        verb
        (words: string list)
        : Result<'Arguments list, Stop> =
        let parser = parser<'Arguments> verb
        let refuse message = Error(Refused $"sgm {verb}: {message}\nSee: sgm {verb} --help")
        let spelled word = if word = "-h" then "--help" else word

        match unknownFlag parser words with
        | Some message -> refuse message
        | None ->
            try
                // The list, not Argu's queries by quotation, which cost as much at the start as the rest of a run.
                Ok(parser.ParseCommandLine(words |> List.map spelled |> Array.ofList).GetAllResults())
            with :? ArguParseException as error ->
                match error.ErrorCode with
                | ErrorCode.HelpText -> Error(HelpAsked $"{error.Message.TrimEnd()}\n\n{Help.exampleOf verb}")
                | _ -> refuse (explain error.Message)

    /// The same for a verb of files. One that was given one file and nothing else needs no parser, whose schema costs
    /// as much as all the rest of a short run.
    let parseFile<'Arguments when 'Arguments :> IArgParserTemplate> verb (file: string -> 'Arguments) words =
        match words with
        | [ word: string ] when word <> "" && (word[0] <> '-' || word = "-") -> Ok [ file word ]
        | _ -> parse<'Arguments> verb words

    /// The words of a closed choice, as they are written on a command line.
    let private choices (choice: Type) =
        [ for case in FSharpType.GetUnionCases choice -> case.Name.ToLowerInvariant().Replace('_', '-') ]

    let shells = choices typeof<Shell>
    let schedulers = choices typeof<Scheduler>

    /// The flags of a verb with what may follow them.
    let flags<'Arguments when 'Arguments :> IArgParserTemplate> () : Flag list =
        let values (field: Reflection.PropertyInfo) =
            if FSharpType.IsUnion field.PropertyType then
                Choice(choices field.PropertyType)
            elif field.PropertyType.IsEnum then
                Choice [ for name in Enum.GetNames field.PropertyType -> name.ToLowerInvariant() ]
            elif field.Name = "FILE" || field.Name = "DIR" then
                Path
            else
                Free

        [
            for case in (parser<'Arguments> "").GetArgumentCases() do
                for name in case.CommandLineNames.Value do
                    {
                        Name = name
                        Usage = case.Description.Value
                        Values =
                            match case.UnionCaseInfo.GetFields() with
                            | [||] -> NoValue
                            | fields -> values fields[0]
                    }
        ]

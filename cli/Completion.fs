/// `sgm completion`: what completes `sgm` in a shell, from the same schema that parses it.
module Sgm.Cli.Completion

open System

/// The flags of a verb; what it takes beside them are experiments or names of theorems.
type private Schema = { Verb: Help.Verb; Flags: Flag list; Words: string list; TakesFiles: bool }

let private schemas () =
    let theorems = [ for theorem in Sgm.Verification.Catalogue.theorems -> theorem.Id ]

    [
        for verb in Help.verbs do
            let flags =
                match verb.Name with
                | "run" -> Arguments.flags<RunArguments>()
                | "check" -> Arguments.flags<CheckArguments>()
                | "certify" -> Arguments.flags<CertifyArguments>()
                | "score" -> Arguments.flags<ScoreArguments>()
                | "measure" -> Arguments.flags<MeasureArguments>()
                | "tune" -> Arguments.flags<TuneArguments>()
                | "sweep" -> Arguments.flags<SweepArguments>()
                | "compare" -> Arguments.flags<CompareArguments>()
                | "explain" -> Arguments.flags<ExplainArguments>()
                | "verify" -> Arguments.flags<VerifyArguments>()
                | "merge" -> Arguments.flags<MergeArguments>()
                | "report" -> Arguments.flags<ReportArguments>()
                | "cluster" -> Arguments.flags<ClusterArguments>()
                | "plan" -> Arguments.flags<PlanArguments>()
                | "theorems" -> Arguments.flags<TheoremsArguments>()
                | "completion" -> Arguments.flags<CompletionArguments>()
                | other -> failwith $"the verb '{other}' has no completion"

            {
                Verb = verb
                Flags = flags @ [ { Name = "--help"; Usage = "what the verb takes."; Values = NoValue } ]
                Words =
                    (if verb.Name = "completion" then
                         Arguments.shells
                     elif verb.Name = "cluster" then
                         Arguments.schedulers @ [ "verify"; "sweep"; "compare" ]
                     elif verb.Takes.Contains "ID" then
                         theorems
                     else
                         [])
                TakesFiles = verb.Takes.Contains "FILE"
            }
    ]

let private spaced (words: string list) = String.Join(" ", words)

/// Verbs and the options before any.
let private first (schemas: Schema list) = [ for schema in schemas -> schema.Verb.Name ] @ [ "--help"; "--version" ]

/// For a text between single quotes of a shell.
let private quoted (text: string) = text.Replace("'", "’")

let private bash schemas =
    let experiments = "compgen -o plusdirs -f -X '!*.sgm' -- \"$word\""

    let values (schema: Schema) =
        [
            for flag in schema.Flags do
                match flag.Values with
                | NoValue -> ()
                | Choice words ->
                    $"        '{schema.Verb.Name} {flag.Name}') COMPREPLY=($(compgen -W '{spaced words}' -- \"$word\")); return ;;"
                | Free -> $"        '{schema.Verb.Name} {flag.Name}') return ;;"
                | Path -> $"        '{schema.Verb.Name} {flag.Name}') COMPREPLY=($(compgen -f -- \"$word\")); return ;;"
        ]

    let words (schema: Schema) =
        let known = spaced ([ for flag in schema.Flags -> flag.Name ] @ schema.Words)
        let files = if schema.TakesFiles then $" $({experiments})" else ""
        $"        {schema.Verb.Name}) COMPREPLY=($(compgen -W '{known}' -- \"$word\"){files}) ;;"

    [
        "# sgm completion bash >> ~/.bashrc"
        "_sgm() {"
        "    local word=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}"
        "    # --by=exact comes as three words."
        "    if [[ $word == '=' ]]; then word=''; elif [[ $flag == '=' ]]; then flag=${COMP_WORDS[COMP_CWORD-2]}; fi"
        "    if ((COMP_CWORD == 1)); then"
        $"        COMPREPLY=($(compgen -W '{spaced (first schemas)}' -- \"$word\") $({experiments}))"
        "        return"
        "    fi"
        "    case \"$verb $flag\" in"
        yield! List.collect values schemas
        "    esac"
        "    case $verb in"
        yield! List.map words schemas
        "    esac"
        "}"
        "complete -o filenames -F _sgm sgm"
    ]

let private zsh (schemas: Schema list) =
    // Brackets and colons separate the parts of a specification.
    let said (text: string) = (quoted text).Replace("[", "(").Replace("]", ")").Replace(":", " –")

    let flag (flag: Flag) =
        match flag.Values with
        | NoValue -> $"'*{flag.Name}[{said flag.Usage}]'"
        | Choice words -> $"'*{flag.Name}=[{said flag.Usage}]:value:({spaced words})'"
        | Path -> $"'*{flag.Name}=[{said flag.Usage}]:path:_files'"
        | Free -> $"'*{flag.Name}=[{said flag.Usage}]:value: '"

    let verb (schema: Schema) =
        let rest =
            [
                if not schema.Words.IsEmpty then
                    $"'*:name:({spaced schema.Words})'"
                elif schema.TakesFiles then
                    "'*:experiment:_files -g \"*.sgm\"'"
            ]

        $"        {schema.Verb.Name}) _arguments {spaced (List.map flag schema.Flags @ rest)} ;;"

    [
        "#compdef sgm"
        "# sgm completion zsh > a folder of $fpath, as _sgm"
        "_sgm() {"
        "    if ((CURRENT == 2)); then"
        "        local -a verbs=("
        for schema in schemas do
            $"            '{schema.Verb.Name}:{said schema.Verb.Summary}'"
        "        )"
        "        _describe verb verbs"
        "        _files -g '*.sgm'"
        "        return"
        "    fi"
        "    local verb=$words[2]"
        "    shift words"
        "    ((CURRENT--))"
        "    case $verb in"
        yield! List.map verb schemas
        "    esac"
        "}"
        "if [[ $funcstack[1] == _sgm ]]; then _sgm \"$@\"; else compdef _sgm sgm; fi"
    ]

let private fish (schemas: Schema list) =
    let verbs = spaced [ for schema in schemas -> schema.Verb.Name ]

    [
        "# sgm completion fish > ~/.config/fish/completions/sgm.fish"
        for schema in schemas do
            $"complete -c sgm -n 'not __fish_seen_subcommand_from {verbs}' -a {schema.Verb.Name} -d '{quoted schema.Verb.Summary}'"
        for schema in schemas do
            let within = $"complete -c sgm -n '__fish_seen_subcommand_from {schema.Verb.Name}'"

            for flag in schema.Flags do
                let value =
                    match flag.Values with
                    | NoValue -> ""
                    | Choice words -> $" -x -a '{spaced words}'"
                    | Path -> " -r"
                    | Free -> " -x"

                $"{within} -l {flag.Name.TrimStart '-'}{value} -d '{quoted flag.Usage}'"

            if not schema.Words.IsEmpty then
                $"{within} -a '{spaced schema.Words}'"
    ]

let command terminal (request: CompletionRequest) =
    let lines =
        match request.Shell with
        | Shell.Bash -> bash (schemas ())
        | Shell.Zsh -> zsh (schemas ())
        | Shell.Fish -> fish (schemas ())

    for line in lines do
        terminal.Out.Write(line + "\n")

    Exit.Fine

namespace Sgm

/// What stands around the values of a file: its `let`s, and the fields and claims between its braces. A field ends where a line
/// starts at its column; after a problem, reading goes on at the next one.
module internal FileGrammar =
    /// A field, as a word with its value; a claim with several.
    let private field (tree: Tree) (r: Reader) =
        let at, first = r.Index, tree.Count
        let isClaim = Syntax.claims |> List.exists r.IsAt
        r.Operators <- 0

        r.Word "a field"
        && (let length = r.Index - at

            r.Blank()
            && (if isClaim then Grammar.arguments tree r else Grammar.expression tree r)
            && tree.Add(NodeKind.Word, at, first, length))

    /// To the next line that starts at the fields' column or before it.
    let private recover (text: string) (r: Reader) =
        let mutable i = r.Index
        let mutable more = true

        while more do
            let line = text.IndexOf('\n', i)

            if line < 0 then
                i <- text.Length
                more <- false
            else
                i <- line + 1

                while i < text.Length && text[i] = ' ' do
                    i <- i + 1

                more <- i < text.Length && (text[i] = '\n' || i - (line + 1) > r.Fields)

        r.Seek i

    let private ending (r: Reader) =
        if r.Skips ";" then
            r.Blank()
        else
            r.Here = '}' || r.IsEnd || r.Column <= r.Fields || r.Expect "';', '}' or a new line with the next field"

    /// All fields up to the closing brace; after a problem, reading goes on at the next field.
    let private fields
        (source: Source)
        (opening: int)
        (tree: Tree)
        (problems: Problems)
        (r: Reader)
        : FieldSyntax list * ClaimSyntax list =
        let read = ResizeArray()
        let claims = ResizeArray()
        let unclosed = ref false
        let report at fault = problems.Add([], source.Position at, fault)
        r.Fields <- r.Column
        r.Offside <- r.Column

        /// Whether a parser succeeds; on failure reports it and goes to the next field.
        let attempt (parser: Reader -> bool) =
            r.Run parser
            || (let fault = r.Fault
                report r.Index fault
                unclosed.Value <- unclosed.Value || fault.IsUnclosed

                if fault = Fault.Unclosed "(*" then
                    r.Seek source.Text.Length
                else
                    recover source.Text r

                false)

        let mutable previousLine = 0
        let mutable more = attempt _.Blank() || not r.IsEnd

        while more do
            if r.IsEnd then
                if not unclosed.Value then
                    report opening (Fault.Unclosed "{")

                more <- false
            elif r.Skips "}" then
                more <- false
            else
                let at = r.Index
                let line = source.Line at

                if line > previousLine && r.Column <> r.Fields then
                    report at (Fault.Misaligned(r.Column + 1, r.Fields + 1))

                previousLine <- line

                if attempt (field tree) then
                    let node = tree.Count - 1
                    let name = tree.Written node

                    if List.contains name Syntax.claims then
                        claims.Add { Name = name; At = at; Node = node }
                    else
                        read.Add { Name = name; At = at; Value = node - 1 }

                    attempt ending |> ignore

                if r.Index = at then
                    r.Pass()

                attempt _.Blank() |> ignore

        List.ofSeq read, List.ofSeq claims

    /// `let name = value`.
    let private binding (tree: Tree) (r: Reader) =
        let first = tree.Count

        r.Skips "let"
        && r.Blank()
        && (let at = r.Index

            r.Word "a name"
            && (let length = r.Index - at

                r.Blank()
                && r.Skip("=", "'=' after one name (no parameters, types or 'mutable')")
                && r.Blank()
                && Grammar.expression tree r
                && tree.Add(NodeKind.Word, at, first, length)))

    /// All `let`s before the experiment; after a problem, reading goes on at the next line that starts at their column,
    /// and the name has no value.
    let private lets (source: Source) (tree: Tree) (problems: Problems) (r: Reader) : FieldSyntax list =
        let read = ResizeArray()

        while r.IsAt "let" do
            r.Fields <- r.Column
            r.Offside <- r.Column
            r.Operators <- 0
            let start = r.Index

            if r.Run(binding tree) then
                let node = tree.Count - 1
                read.Add { Name = tree.Written node; At = tree[node].At; Value = node - 1 }
            else
                problems.Add([], source.Position r.Index, r.Fault)
                r.Name start |> Option.iter (fun name -> read.Add { Name = name; At = start; Value = -1 })
                recover source.Text r

        r.Offside <- -1
        List.ofSeq read

    /// The syntax of a text; never throws, and goes on after a problem at the next field.
    let parse (source: Source) : SyntaxTree =
        let problems = Problems()
        let tree = Tree source
        let r = Reader source
        let report () = problems.Add([], source.Position r.Index, r.Fault)
        let isBlank = r.Blank()
        let lets = if isBlank then lets source tree problems r else []
        let start = r.Index
        let isDiscrete = isBlank && r.Skips "discrete"

        let isBegun = isDiscrete || isBlank && r.Skip("experiment", "'let name = …' or 'experiment { … }'")
        let isNamed = isBegun && r.Blank()
        let brace = r.Index

        let fields, claims =
            if isNamed && r.Skip("{", "'{'") && r.Blank() then
                let read = fields source brace tree problems r

                let isLast =
                    r.Run(fun r -> r.Blank() && (r.IsEnd || r.Expect "nothing but comments after the experiment"))

                if not isLast then
                    report ()

                read
            else
                report ()
                [], []

        {
            Experiment = start
            IsDiscrete = isDiscrete
            Lets = lets
            Fields = fields
            Claims = claims
            Tree = tree
            Problems = problems.List
        }

namespace Sgm

/// From text to syntax, by recursive descent. Columns matter as in F#: an item or a field ends where a line starts at its column.
/// What reads an expression leaves it as the last node of the tree.
module internal Grammar =

    /// An operator may start a line up to its length before the item, as in F#.
    let private operator (r: Reader) =
        let inside = r.Column + 4 >= r.Offside

        if inside && r.Skips "|>" then
            ValueSome NodeKind.Pipe
        elif inside && r.Skips ">=>" then
            ValueSome NodeKind.Then
        else
            r.Expect "'|>'" |> ignore
            r.Expect "'>=>'" |> ignore
            ValueNone

    /// Chains with commas between them.
    let rec private expression (tree: Tree) (r: Reader) : bool =
        let at, first = r.Index, tree.Count
        let mutable isRead = chain tree r
        let mutable several = false

        while isRead && r.Skip(",", "','") do
            several <- true
            isRead <- r.Blank() && chain tree r

        isRead && (not several || tree.Add(NodeKind.Tuple, at, first))

    /// Terms with operators between them.
    and private chain (tree: Tree) (r: Reader) : bool =
        let at, first = r.Index, tree.Count
        let mutable isRead = term tree r
        let mutable next = if isRead then operator r else ValueNone
        let several = next.IsSome

        while isRead && next.IsSome do
            let right = tree.Count

            isRead <- r.Blank() && term tree r && tree.Add(next.Value, tree[tree.Count - 1].At, right)

            next <- if isRead then operator r else ValueNone

        isRead && (not several || tree.Add(NodeKind.Chain, at, first))

    and private term (tree: Tree) (r: Reader) : bool = if r.StartsTerm then atom true tree r else r.Expect "a value"

    /// An atom, and the blank after it; a word takes arguments or stands alone.
    and private atom takesArguments (tree: Tree) (r: Reader) : bool =
        match r.Here with
        | '(' -> bracketed NodeKind.Parens tree r
        | '[' -> bracketed NodeKind.List tree r
        | '"' -> r.Text tree && r.Blank()
        | _ when r.StartsNumber -> r.Number tree && r.Blank()
        | _ ->
            let at, first = r.Index, tree.Count

            r.Word "a word"
            && (let length = r.Index - at

                r.Blank() && (not takesArguments || arguments tree r) && tree.Add(NodeKind.Word, at, first, length))

    /// Arguments follow on the same line, or deeper than the item starts.
    and private arguments (tree: Tree) (r: Reader) : bool =
        let mutable isRead = true

        while isRead && r.StartsTerm && r.Column > r.Offside do
            isRead <- atom false tree r

        isRead

    /// Brackets around something; a text that ends without the closing one is reported where it was opened.
    and private bracketed kind (tree: Tree) (r: Reader) : bool =
        let at, first = r.Index, tree.Count
        let isList = kind = NodeKind.List
        r.Pass()

        if not (r.Blank()) then
            false
        elif r.Depth >= Syntax.deepest then
            r.Stop(r.Index, Fault.TooDeep Syntax.deepest)
        else
            r.Depth <- r.Depth + 1
            let isRead = if isList then items tree r else item tree r
            r.Depth <- r.Depth - 1

            if isRead && r.IsEnd then
                r.Stop(at, Fault.Unclosed(if isList then "[" else "("))
            else
                isRead
                && (if isList then r.Skip("]", "']'") else r.Skip(")", "')'"))
                && tree.Add(kind, at, first)
                && r.Blank()

    /// An item that starts here: lines that continue it are deeper.
    and private item (tree: Tree) (r: Reader) : bool =
        let around = r.Offside
        r.Offside <- r.Column
        let isRead = expression tree r
        r.Offside <- around
        isRead

    /// Items end with `;` or with a new line at the column of the first.
    and private items (tree: Tree) (r: Reader) : bool =
        let column = r.Column
        let mutable isRead = true
        let mutable more = true

        while isRead && more do
            if not r.StartsTerm then
                more <- r.Expect "a value"
            else
                isRead <- item tree r

                if isRead && r.Skips ";" then
                    isRead <- r.Blank()
                elif isRead && r.Column <> column then
                    more <- r.Expect "';' or a new line at the column of the first item"

        isRead

    /// A field, as a word with its value.
    let private field (tree: Tree) (r: Reader) =
        let at, first = r.Index, tree.Count

        r.Word "a field"
        && (let length = r.Index - at
            r.Blank() && expression tree r && tree.Add(NodeKind.Word, at, first, length))

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
        : FieldSyntax list =
        let read = ResizeArray()
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
                    read.Add { Name = tree.Written node; At = at; Value = node - 1 }
                    attempt ending |> ignore

                if r.Index = at then
                    r.Pass()

                attempt _.Blank() |> ignore

        List.ofSeq read

    /// The syntax of a text; never throws, and goes on after a problem at the next field.
    let parse (source: Source) : SyntaxTree =
        let problems = Problems()
        let tree = Tree source
        let r = Reader source
        let report () = problems.Add([], source.Position r.Index, r.Fault)
        let isBlank = r.Blank()
        let start = r.Index
        let isNamed = isBlank && r.Skip("experiment", "'experiment { … }'") && r.Blank()
        let brace = r.Index

        let fields =
            if isNamed && r.Skip("{", "'{'") && r.Blank() then
                let read = fields source brace tree problems r

                if
                    not (r.Run(fun r -> r.Blank() && (r.IsEnd || r.Expect "nothing but comments after the experiment")))
                then
                    report ()

                read
            else
                report ()
                []

        { Experiment = start; Fields = fields; Tree = tree; Problems = problems.List }

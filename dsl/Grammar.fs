namespace Sgm

/// Values from text to syntax, by recursive descent. Columns matter as in F#: an item ends where a line starts at its column.
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

    /// Values with commas between them.
    let rec expression (tree: Tree) (r: Reader) : bool =
        let at, first = r.Index, tree.Count
        let mutable isRead = leftToRight Precedence.Or tree r
        let mutable several = false

        while isRead && r.Skip(",", "','") do
            several <- true
            isRead <- r.Blank() && leftToRight Precedence.Or tree r

        isRead && (not several || tree.Add(NodeKind.Tuple, at, first))

    /// Values with operators of one precedence between them, from left to right.
    and private leftToRight (level: Precedence) (tree: Tree) (r: Reader) : bool =
        let first = tree.Count
        operand level tree r && following level first tree r

    /// Operators with their right sides, after a value that begins at a node.
    and private following (level: Precedence) first (tree: Tree) (r: Reader) : bool =
        let mutable isRead = true

        while isRead && r.StartsOperator level do
            let at = r.Index
            let length = r.Operator level
            isRead <- r.Counts at && r.Blank() && operand level tree r && tree.Add(NodeKind.Operator, at, first, length)

        isRead

    /// What stands between operators of a precedence.
    and private operand (level: Precedence) (tree: Tree) (r: Reader) : bool =
        match level with
        | Precedence.Or -> leftToRight Precedence.And tree r
        | Precedence.And -> chain tree r
        | Precedence.Comparison -> leftToRight Precedence.Sum tree r
        | Precedence.Sum -> leftToRight Precedence.Product tree r
        | _ -> power tree r

    /// Sums with `|>` and `>=>` between them, or a comparison of two.
    and private chain (tree: Tree) (r: Reader) : bool =
        let at, first = r.Index, tree.Count
        let mutable isRead = leftToRight Precedence.Sum tree r
        let mutable next = if isRead then operator r else ValueNone
        let several = next.IsSome

        while isRead && next.IsSome do
            let right = tree.Count

            isRead <-
                r.Blank() && leftToRight Precedence.Sum tree r && tree.Add(next.Value, tree[tree.Count - 1].At, right)

            next <- if isRead then operator r else ValueNone

        isRead
        && (if several then
                tree.Add(NodeKind.Chain, at, first)
            else
                following Precedence.Comparison first tree r)

    and private power (tree: Tree) (r: Reader) : bool =
        let first = tree.Count

        term tree r
        && (not (r.StartsOperator Precedence.Power)
            || (let at = r.Index
                let length = r.Operator Precedence.Power
                r.Counts at && r.Blank() && power tree r && tree.Add(NodeKind.Operator, at, first, length)))

    and private term (tree: Tree) (r: Reader) : bool =
        if not r.StartsTerm then
            r.Expect "a value"
        elif r.Here = '-' && not r.StartsNumber then
            let at, first = r.Index, tree.Count
            r.Pass()
            r.Counts at && r.Blank() && term tree r && tree.Add(NodeKind.Negative, at, first, 1)
        elif r.IsAt "if" then
            conditional tree r
        else
            atom true tree r

    and private conditional (tree: Tree) (r: Reader) : bool =
        let at, first = r.Index, tree.Count
        let part word = r.IsAt word && r.Skips word && r.Blank() && leftToRight Precedence.Or tree r

        part "if"
        && r.Counts at
        && (part "then" || r.Expect "'then'")
        && (part "else" || r.Expect "'else'")
        && tree.Add(NodeKind.If, at, first, 2)

    /// An atom, and the blank after it; a word takes arguments or stands alone.
    and private atom takesArguments (tree: Tree) (r: Reader) : bool =
        match r.Here with
        | '(' -> bracketed NodeKind.Parens tree r
        | '[' -> bracketed NodeKind.List tree r
        | '"' -> r.Text tree && r.Blank()
        | _ when r.StartsNumber -> r.Number tree && r.Blank()
        | '-' ->
            let at, first = r.Index, tree.Count
            r.Pass()
            r.Counts at && atom false tree r && tree.Add(NodeKind.Negative, at, first, 1)
        | _ ->
            let at, first = r.Index, tree.Count

            r.Word "a word"
            && (let length = r.Index - at

                r.Blank() && (not takesArguments || arguments tree r) && tree.Add(NodeKind.Word, at, first, length))

    /// Arguments follow on the same line, or deeper than the item starts.
    and arguments (tree: Tree) (r: Reader) : bool =
        let mutable isRead = true

        while isRead && r.StartsArgument && r.Column > r.Offside do
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
        let around, before = r.Offside, r.Operators
        r.Offside <- r.Column
        r.Operators <- 0
        let isRead = expression tree r
        r.Offside <- around
        r.Operators <- max before r.Operators
        isRead

    /// Items end with `;` or with a new line at the column of the first.
    and private items (tree: Tree) (r: Reader) : bool = if r.IsAt "for" then comprehension tree r else several tree r

    and private several (tree: Tree) (r: Reader) : bool =
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

    /// `for i in a .. b -> value`, perhaps with a step.
    and private comprehension (tree: Tree) (r: Reader) : bool =
        let first = tree.Count
        let token word = r.Skip(word, $"'{word}'") && r.Blank()

        token "for"
        && (let at = r.Index

            r.Word "a name"
            && (let length = r.Index - at

                r.Blank()
                && token "in"
                && leftToRight Precedence.Sum tree r
                && token ".."
                && leftToRight Precedence.Sum tree r
                && (not (r.Skips "..") || (r.Blank() && leftToRight Precedence.Sum tree r))
                && token "->"
                && item tree r
                && tree.Add(NodeKind.For, at, first, length)))

    /// The tree of a text that is one formula, its root last; or where it is none, and why.
    let formula (source: Source) : Result<Tree, int * Fault> =
        let tree, r = Tree source, Reader source

        let isRead =
            r.Run(fun r -> r.Blank() && expression tree r && r.Blank() && (r.IsEnd || r.Expect "nothing after it"))

        if isRead then Ok tree else Error(r.Index, r.Fault)

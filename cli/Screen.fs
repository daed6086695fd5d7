namespace Sgm.Cli

open System
open System.IO
open System.Runtime.CompilerServices
open Spectre.Console
open Sgm

/// What a text means; a terminal shows it as a colour.
type Tone =
    | Plain
    | Strong
    | Faint
    | Good
    | Unsure
    | Bad

/// A text with a tone.
type Span = { Text: string; Tone: Tone }

/// Short forms for spans.
[<AutoOpen>]
module Spans =
    let plain text = { Text = text; Tone = Plain }
    let strong text = { Text = text; Tone = Strong }
    let faint text = { Text = text; Tone = Faint }

/// A column of a table.
type Column = { Title: string; IsNumber: bool }

/// Text for people: colours and boxes in a terminal, plain aligned text otherwise. Plain text needs no Spectre, which keeps the start quick.
type Screen(writer: TextWriter, isTerminal: bool) =
    let console =
        lazy
            (let colours =
                if String.IsNullOrEmpty(Environment.GetEnvironmentVariable "NO_COLOR") then
                    ColorSystemSupport.Detect
                else
                    ColorSystemSupport.NoColors

             let settings =
                 AnsiConsoleSettings(
                     Out = AnsiConsoleOutput writer,
                     ColorSystem = colours,
                     Interactive = InteractionSupport.No
                 )

             AnsiConsole.Create settings)

    let style tone =
        match tone with
        | Plain -> Style.Plain
        | Strong -> Style(decoration = Decoration.Bold)
        | Faint -> Style(foreground = Color.Grey)
        | Good -> Style(foreground = Color.Green)
        | Unsure -> Style(foreground = Color.Yellow)
        | Bad -> Style(foreground = Color.Red, decoration = Decoration.Bold)

    // Own methods, not inlined: Spectre is loaded only where a terminal is.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    member private _.ColouredLine(spans: Span list) =
        let paragraph = Paragraph()

        for span in spans do
            paragraph.Append(span.Text, style span.Tone) |> ignore

        console.Value.Write paragraph
        console.Value.WriteLine()

    [<MethodImpl(MethodImplOptions.NoInlining)>]
    member private _.ColouredTable(columns: Column list, rows: Span list list) =
        let table = Table()
        table.Border <- TableBorder.Rounded
        table.BorderStyle <- Style(foreground = Color.Grey)

        for column in columns do
            let header = TableColumn(Text(column.Title, style Strong))
            header.Alignment <- if column.IsNumber then Justify.Right else Justify.Left
            header.NoWrap <- column.IsNumber
            table.AddColumn header |> ignore

        for row in rows do
            let cells = row |> Seq.map (fun span -> Text(span.Text, style span.Tone) :> Rendering.IRenderable)
            table.AddRow cells |> ignore

        console.Value.Write table

    /// A line of spans.
    member this.Line(spans: Span list) =
        let spans = spans |> List.map (fun span -> { span with Text = Visible.text span.Text })

        if isTerminal then
            this.ColouredLine spans
        else
            writer.WriteLine(String.Concat(spans |> Seq.map (fun span -> span.Text)))

    /// A line of plain text.
    member _.Line(text: string) = writer.WriteLine(Visible.text text)

    /// An empty line.
    member _.Line() = writer.WriteLine()

    /// A table; the last column may wrap in a terminal.
    member this.Table(columns: Column list, rows: Span list list) =
        let rows = rows |> List.map (List.map (fun span -> { span with Text = Visible.line span.Text }))

        if isTerminal then
            this.ColouredTable(columns, rows)
        else
            let texts =
                (columns |> List.map (fun column -> column.Title))
                :: (rows |> List.map (List.map (fun span -> span.Text)))

            let widths =
                columns |> List.mapi (fun i _ -> texts |> List.map (fun row -> (List.item i row).Length) |> List.max)

            for row in texts do
                let cells =
                    List.zip3 columns widths row
                    |> List.map (fun (column, width, text) ->
                        if column.IsNumber then text.PadLeft width else text.PadRight width)

                writer.WriteLine(String.Join("  ", cells).TrimEnd())

/// Screens of a terminal.
module Screen =
    let out (terminal: Terminal) = Screen(terminal.Out, terminal.OutIsTerminal)
    let error (terminal: Terminal) = Screen(terminal.Error, terminal.ErrorIsTerminal)

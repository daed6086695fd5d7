namespace Sgm.Verification.Report

open System.Text
open System.Xml

/// HTML or SVG as a tree. Text and attribute values are escaped when it is written, so no name in an experiment can become
/// a tag. What is written is also well-formed XML.
type Markup =
    | Element of name: string * attributes: (string * string) list * children: Markup list
    | Text of string
    /// Style sheets and scripts of our own.
    | Verbatim of string

/// Building and writing markup.
module Markup =
    let el name attributes children = Element(name, attributes, children)
    let text value = Text value

    /// Characters that XML cannot carry (control characters, half surrogates) become U+FFFD.
    let printable (value: string) =
        let output = StringBuilder(value.Length)

        for i in 0 .. value.Length - 1 do
            let c = value[i]

            let isPair =
                (i + 1 < value.Length && XmlConvert.IsXmlSurrogatePair(value[i + 1], c))
                || (i > 0 && XmlConvert.IsXmlSurrogatePair(c, value[i - 1]))

            output.Append(if XmlConvert.IsXmlChar c || isPair then c else '\uFFFD') |> ignore

        output.ToString()

    let private escape value =
        (printable value)
            .Replace("&", "&amp;")
            .Replace("<", "&lt;")
            .Replace(">", "&gt;")
            .Replace("\"", "&quot;")
            .Replace("'", "&#39;")

    /// Elements of HTML that have no content, and strokes of SVG, which a page has by the thousand.
    let private isVoid name children =
        List.contains name [ "meta"; "br"; "hr"; "link" ]
        || List.isEmpty children
           && List.contains name [ "circle"; "rect"; "path"; "polyline"; "polygon"; "line"; "use" ]

    /// A new line before these keeps the page readable as text.
    let private startsLine =
        set
            [
                "head"
                "body"
                "meta"
                "title"
                "style"
                "script"
                "header"
                "main"
                "footer"
                "section"
                "article"
                "h1"
                "h2"
                "h3"
                "h4"
                "p"
                "table"
                "thead"
                "tbody"
                "tr"
                "figure"
                "figcaption"
                "svg"
                "details"
                "dl"
                "dt"
                "dd"
                "ul"
                "li"
                "pre"
            ]

    let rec private append (output: StringBuilder) markup =
        match markup with
        | Text value -> output.Append(escape value) |> ignore
        | Verbatim value -> output.Append value |> ignore
        | Element(name, attributes, children) ->
            if startsLine.Contains name then
                output.Append '\n' |> ignore

            output.Append('<').Append name |> ignore

            for key, value in attributes do
                output.Append(' ').Append(key).Append("=\"").Append(escape value).Append '"' |> ignore

            if isVoid name children then
                output.Append "/>" |> ignore
            else
                output.Append '>' |> ignore
                List.iter (append output) children
                output.Append("</").Append(name).Append '>' |> ignore

    /// The markup as text.
    let write markup =
        let output = StringBuilder()
        append output markup
        output.ToString().TrimStart('\n')

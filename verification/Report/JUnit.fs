namespace Sgm.Verification.Report

open System
open System.IO
open System.Text
open System.Xml
open Sgm.Verification
open Sgm.Verification.Sabotage

/// JUnit's XML, a test case a check: `violated` is a failure; `inconclusive` and `notApplicable` are skipped, with the reason.
module JUnit =
    let private settings = XmlWriterSettings(Indent = true, Encoding = UTF8Encoding false)

    let private attribute (xml: XmlWriter) name value = xml.WriteAttributeString(name, Markup.printable value)

    let private counts (xml: XmlWriter) (checks: ReportedCheck list) =
        let having verdicts =
            checks |> List.filter (fun reported -> List.contains reported.Check.Verdict verdicts) |> List.length

        attribute xml "tests" (string checks.Length)
        attribute xml "failures" (string (having [ Violated ]))
        attribute xml "errors" "0"
        attribute xml "skipped" (string (having [ Inconclusive; NotApplicable ]))

    let private time (xml: XmlWriter) (seconds: float) =
        attribute xml "time" (seconds.ToString("F3", Globalization.CultureInfo.InvariantCulture))

    let private message (reported: ReportedCheck) =
        let reason = reported.Check.Reason |> Option.defaultValue (Document.sentence reported)
        $"{Verdict.name reported.Check.Verdict}: {reason}"

    /// What a reader of a build log needs to see the violation again.
    let private evidence (reported: ReportedCheck) =
        let cells =
            reported.Cells
            |> List.filter (fun (cell, _) -> cell.Verdict = Violated)
            |> List.truncate 10
            |> List.map (fun (cell, replay) ->
                let reason = Option.defaultValue "" cell.Reason
                $"{Wording.setting (Map.toList cell.Setting)}: {reason}\n    {replay.Command}")

        reported.Check.Theorem.Source.Citation :: Document.sentence reported :: cells
        |> String.concat "\n"
        |> Markup.printable

    let private testCase (xml: XmlWriter) (reported: ReportedCheck) =
        let check = reported.Check
        xml.WriteStartElement "testcase"
        attribute xml "classname" check.Theorem.Id
        attribute xml "name" $"{check.KindName} along {check.Axis.Symbol} ({check.Scenario.Name})"
        time xml check.Seconds

        match check.Verdict with
        | Holds -> ()
        | Violated ->
            xml.WriteStartElement "failure"
            attribute xml "type" "violated"
            attribute xml "message" (message reported)
            xml.WriteString(evidence reported)
            xml.WriteEndElement()
        | Inconclusive
        | NotApplicable ->
            xml.WriteStartElement "skipped"
            attribute xml "message" (message reported)
            xml.WriteEndElement()

        xml.WriteEndElement()

    /// A test case a seeded bug: one that no check catches is a failure of the verifier.
    let private sabotage (xml: XmlWriter) (matrix: KillMatrix) =
        xml.WriteStartElement "testsuite"
        attribute xml "name" "sabotage"
        attribute xml "tests" (string matrix.Rows.Length)
        attribute xml "failures" (string matrix.Survivors.Length)
        attribute xml "errors" "0"
        attribute xml "skipped" "0"
        time xml matrix.Seconds

        for row in matrix.Rows do
            xml.WriteStartElement "testcase"
            attribute xml "classname" "sabotage"
            attribute xml "name" $"{row.Bug.Title} is caught"
            time xml row.Seconds

            if row.CaughtBy.IsEmpty then
                xml.WriteStartElement "failure"
                attribute xml "type" "survived"
                attribute xml "message" $"no check catches it: {row.Bug.Breaks}"
                xml.WriteEndElement()

            xml.WriteEndElement()

        xml.WriteEndElement()

    /// The XML of a document.
    let text (document: Document) =
        use stream = new MemoryStream()

        using (XmlWriter.Create(stream, settings)) (fun xml ->
            xml.WriteStartElement "testsuites"
            attribute xml "name" "sgm verify"
            counts xml document.Checks
            time xml document.Result.Seconds

            for theorem, checks in Document.byTheorem document.Checks do
                xml.WriteStartElement "testsuite"
                attribute xml "name" theorem.Id
                counts xml checks
                time xml (checks |> List.sumBy (fun reported -> reported.Check.Seconds))
                checks |> List.iter (testCase xml)
                xml.WriteEndElement()

            Option.iter (sabotage xml) document.Matrix
            xml.WriteEndElement())

        Encoding.UTF8.GetString(stream.ToArray()) + "\n"

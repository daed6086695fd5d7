// Printers for `dotnet fsi`; a session loads this after `#r "nuget: SgmDsl.Interactive"`.
fsi.AddPrinter(fun (estimate: Sgm.Engine.Estimate) ->
    Sgm.Interactive.Table.text (Sgm.Interactive.Show.estimate estimate))

fsi.AddPrinter(fun (law: Sgm.Engine.Law) -> Sgm.Interactive.Table.text (Sgm.Interactive.Show.law law))

fsi.AddPrinter(fun (certificate: Sgm.Verification.Certificates.Certificate) ->
    Sgm.Interactive.Table.text (Sgm.Interactive.Show.certificate certificate))

fsi.AddPrinter(fun (result: Sgm.Verification.VerificationResult) ->
    Sgm.Interactive.Table.text (Sgm.Interactive.Show.verification result))

namespace Sgm.Verification.Report

/// index.html.
module Html =
    let page (document: Document) = $"{document.Version}"

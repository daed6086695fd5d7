namespace Sgm.Verification

module internal Placeholder =
    let name = "verification"

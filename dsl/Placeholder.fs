namespace Sgm

module internal Placeholder =
    let name = "dsl"

namespace Sgm.Verification

open Sgm

/// Data near a curve in the plane: points evenly on a circle, each with N(0, bandwidth²·I).
module Circle =
    /// So many points on the circle of this radius around 0; the first lies off the axes, so that no coordinate is symmetric by itself.
    let points count radius bandwidth =
        mixture
            [
                for k in 0 .. count - 1 do
                    let angle = 2.0 * System.Math.PI * (float k + 0.3) / float count
                    1.0 / float count, normal [ radius * cos angle; radius * sin angle ] (bandwidth * bandwidth)
            ]

/// Gauss–Legendre quadrature with a bound of its error: for f that is analytic with |f| ≤ M in Bernstein's ellipse of half-axes
/// ½(ρ ± 1/ρ) about [−1, 1] it is off by at most 4.1·M·ρ^(−2N)/(1 − ρ^(−2)). The proof is in README.md of this folder.
module internal Sgm.Verification.Bernstein

/// Number N of points.
let order = 16

/// Points and weights on [−1, 1].
let nodes, weights =
    let rule = MathNet.Numerics.Integration.GaussLegendreRule(-1.0, 1.0, order)
    rule.Abscissas, rule.Weights

let private rho = 4.0

/// Half-axes of the ellipse, along and across the line.
let major, minor = 0.5 * (rho + 1.0 / rho), 0.5 * (rho - 1.0 / rho)

/// The error in units of M, for an ellipse of such ρ.
let remainderOf rho = 4.1 * rho ** (-2.0 * float order) / (1.0 - rho ** -2.0)

/// That of the ellipse here.
let remainder = remainderOf rho

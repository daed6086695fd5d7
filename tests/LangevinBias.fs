/// A family that several tests speak of, with its closed form.
module Sgm.Tests.LangevinBias

/// KL of N(m, v) from N(0, 1), d times.
let normalKl d m v = 0.5 * d * (v - 1.0 - log v + m * m)

/// Langevin of step h on N(0, 1) from the point 1: after n steps N((1 − h)ⁿ, 2h·(1 − (1 − h)²ⁿ)/(1 − (1 − h)²)).
let langevinKl d h (n: float) =
    let r = 1.0 - h
    normalKl d (r ** n) (2.0 * h * (1.0 - r ** (2.0 * n)) / (1.0 - r * r))

/// The family as a text, with lines more in its experiment.
let langevinText claims =
    $"let d = oneOf [ 1; 3; 9; 27 ]
let h = oneOf [ 0.2; 0.1; 0.05; 0.025 ]
let n = int (ceil (10.0 / h))

experiment {{
    target  (standard d)
    forward vp
    start   (point (fill d 1.0))
    sampler (repeat n (corrector (langevin h)))
{claims}
}}
"

namespace Sgm.Verification.Certificates

open System
open Sgm.Engine

/// W2 turned into TV and into R by noise: the rules *w2-to-tv* and *path-w2*.
module internal Smoothing =
    /// c²ⁿ/(1 + c² + … + c²⁽ⁿ⁻¹⁾): what is left of W2² to be shifted in n steps with Lipschitz constant c.
    let private left (n: int64) (map: Contraction) =
        let c2 = Math.BitIncrement(map.Lip * map.Lip)
        let count = float n
        let rate = RealFunctions.LogOnePlus(c2 - 1.0)

        if c2 = 1.0 then
            1.0 / count
        else
            max Double.Epsilon ((1.0 - c2) / RealFunctions.ExpM1(-count * rate))

    /// Σ f over blocks of a map and a distance, over 2C².
    let private perNoise (blocks: Block list) (maps: Contraction list) distances f =
        let noise = (List.head maps).Noise

        List.map3 (fun (b: Block) map w -> b.Count * f map w / (2.0 * noise * noise)) blocks maps distances
        |> List.sum
        |> fun x -> x * (1.0 + 1e-11)

    /// TV from W2 by n equal noisy steps: of q and p through the same steps.
    let totalVariation (blocks: Block list) (n: int64) (maps: Contraction list) (distances: float list) =
        let entropy = perNoise blocks maps distances (fun map w -> left n map * w * w)
        let byEntropy = sqrt (0.5 * entropy)

        if n > 1L then
            byEntropy
        else
            let moved = perNoise blocks maps distances (fun map w -> map.Lip * w * map.Lip * w)
            min byEntropy (sqrt (moved / Math.PI))

    /// R from W2 by n equal noisy steps: the shifts are paid for with what the means are off.
    let path (blocks: Block list) (n: int64) (maps: Contraction list) (distances: float list) =
        perNoise blocks maps distances (fun map w ->
            let moved = sqrt (float n) * map.Mean + sqrt (left n map) * w
            float n * map.Centred * map.Centred + moved * moved)

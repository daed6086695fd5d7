namespace Sgm.Verification.Certificates

open System

/// A real number known to lie in [Low, High]: arithmetic with outward rounding, so that what comes out holds the truth whenever what went in did.
/// An operation that has no finite answer gives the whole line; NaN never comes out.
[<Struct; CustomEquality; NoComparison>]
type Bracket =
    {
        Low: float
        High: float
    }

    override this.Equals other =
        match other with
        | :? Bracket as b -> this.Low = b.Low && this.High = b.High
        | _ -> false

    override this.GetHashCode() = HashCode.Combine(this.Low, this.High)

    member this.Width = this.High - this.Low
    member this.Middle = 0.5 * this.Low + 0.5 * this.High
    /// The largest |x|.
    member this.Size = max (abs this.Low) (abs this.High)

    static member Whole = { Low = Double.NegativeInfinity; High = Double.PositiveInfinity }

    /// The number itself.
    static member Exactly x = { Low = x; High = x }

    /// [low, high] at least a unit in the last place outwards; the whole line where an end is not a number.
    static member inline Outward(low: float, high: float) =
        let below = low - (abs low * 2.3e-16 + Double.Epsilon)
        let above = high + (abs high * 2.3e-16 + Double.Epsilon)

        if Double.IsNaN below || Double.IsNaN above then
            Bracket.Whole
        else
            { Low = below; High = above }

    /// x to a relative error.
    static member Near(x, relative) =
        let spare = abs x * relative
        Bracket.Outward(x - spare, x + spare)

    static member inline (+)(a: Bracket, b: Bracket) = Bracket.Outward(a.Low + b.Low, a.High + b.High)

    static member inline (-)(a: Bracket, b: Bracket) = Bracket.Outward(a.Low - b.High, a.High - b.Low)

    static member (~-)(a: Bracket) = { Low = -a.High; High = -a.Low }

    static member inline (*)(a: Bracket, b: Bracket) =
        let p, q, r, s = a.Low * b.Low, a.Low * b.High, a.High * b.Low, a.High * b.High
        Bracket.Outward(Math.Min(Math.Min(p, q), Math.Min(r, s)), Math.Max(Math.Max(p, q), Math.Max(r, s)))

    static member inline (*)(a: Bracket, c: float) =
        if c >= 0.0 then
            Bracket.Outward(a.Low * c, a.High * c)
        else
            Bracket.Outward(a.High * c, a.Low * c)

    static member (*)(c: float, a: Bracket) = a * c

    static member (/)(a: Bracket, b: Bracket) =
        if b.Low <= 0.0 && b.High >= 0.0 then
            Bracket.Whole
        else
            a * Bracket.Outward(1.0 / b.High, 1.0 / b.Low)

    static member (/)(a: Bracket, c: float) = a / Bracket.Exactly c

    /// x², which is not x·x: the two factors are the same number.
    static member Square(a: Bracket) =
        let p, q = a.Low * a.Low, a.High * a.High
        let least = if a.Low <= 0.0 && a.High >= 0.0 then 0.0 else Math.Min(p, q)
        let found = Bracket.Outward(least, Math.Max(p, q))
        { found with Low = max 0.0 found.Low }

    /// e^x. The library's functions are right to an ulp or two; four are allowed.
    static member Exp(a: Bracket) =
        let low, high = Math.Exp a.Low, Math.Exp a.High
        { Low = max 0.0 (low * (1.0 - 9e-16)); High = high * (1.0 + 9e-16) + Double.Epsilon }

    /// ln x for x > 0.
    static member Log(a: Bracket) =
        if a.Low <= 0.0 then
            Bracket.Whole
        else
            let low, high = Math.Log a.Low, Math.Log a.High
            Bracket.Outward(low - 9e-16 * abs low, high + 9e-16 * abs high)

    /// √x, of what of it is not negative.
    static member Sqrt(a: Bracket) =
        let found = Bracket.Outward(sqrt (max 0.0 a.Low), sqrt (max 0.0 a.High))
        { found with Low = max 0.0 found.Low }

    /// What lies in both, for two brackets of one number.
    static member Both(a: Bracket, b: Bracket) = { Low = max a.Low b.Low; High = min a.High b.High }

    /// That of it which is at least 0, for a number that is.
    member this.NotNegative = { Low = max 0.0 this.Low; High = max 0.0 this.High }

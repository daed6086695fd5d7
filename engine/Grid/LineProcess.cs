using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>The law of one coordinate of the state while a plan runs.</summary>
internal abstract class LineProcess
{
    /// <summary>Back to the start of the plan; false when the start cannot be represented.</summary>
    /// <param name="logRange">Mass below e^(−logRange) may be dropped.</param>
    /// <param name="work">What the steps may spend.</param>
    public abstract bool Start(double logRange, WorkLimit work);

    /// <summary>One step.</summary>
    /// <param name="step">The step.</param>
    /// <param name="reads">Registers that the next step which reads or drops any will read; needed where noise is drawn while registers hold something.</param>
    public abstract StepFailure Apply(IStep step, IReadOnlySet<int>? reads);

    /// <summary>Whether the law of the state can be looked at.</summary>
    public virtual bool IsKnown => true;

    /// <summary>
    /// The mean probability of acceptance of the steps since it was last asked for that could be rejected; null where there were none.
    /// </summary>
    public virtual Estimate? TakeAcceptance() => null;

    /// <summary>Makes the law ready to be looked at, after steps whose effect was put off.</summary>
    public virtual StepFailure Settle() => StepFailure.None;

    /// <summary>The law now, against the target at a level; <paramref name="work"/> is what a metric may spend.</summary>
    public abstract Law Law(NoiseLevel at, WorkLimit work);

    /// <summary>Whether the law is on the grid, not in closed form.</summary>
    public virtual bool IsOnGrid => false;

    /// <summary>Points that the law has on the grid; 0 for a closed form.</summary>
    public virtual int Nodes => 0;

    /// <summary>Lets go of the state and of all that its steps remember; the laws that were taken stay.</summary>
    public virtual void Release()
    {
    }
}

/// <summary>A coordinate on the grid, at two resolutions side by side.</summary>
internal sealed partial class GridProcess(Mixture target, Mixture scored, ImmutableArray<ScoreModifier> modifiers, ScalarMixture? start, double point, BlockAllowance allowance)
    : LineProcess
{
    private readonly ConditionalWeakTable<Tableau, ScalarMap> maps = [];
    private readonly Dictionary<AdjustedStep, AdjustedMap> adjustedMaps = [];

    /// <summary>Sums of acceptance rates since they were taken, and how many.</summary>
    private (double Fine, double Coarse, long Count) accepted;

    /// <summary>The steps since registers were first held: the state is a function of what it was then, and is found when it is asked for.</summary>
    private readonly List<IStep> pending = [];
    private (LineState Fine, LineState Coarse, Forgotten Forgotten)? shown;
    private GridResolution fineResolution = GridResolution.Fine(1);
    private GridResolution coarseResolution = GridResolution.Coarse(1);
    private WorkLimit? work;
    private GridStepper? fineStepper;
    private GridStepper? coarseStepper;
    private AdjustedStepper? fineAdjuster;
    private AdjustedStepper? coarseAdjuster;
    private LineState fine = null!;
    private LineState coarse = null!;
    private Forgotten forgotten = null!;

    /// <inheritdoc/>
    public override bool Start(double logRange, WorkLimit work)
    {
        this.work = work;
        pending.Clear();
        shown = null;
        accepted = default;
        joint = null;
        fineResolution = GridResolution.Fine(logRange);
        coarseResolution = GridResolution.Coarse(logRange);
        Forget();
        fineStepper = new(fineResolution, allowance, work);
        coarseStepper = new(coarseResolution, allowance, work);
        (fineAdjuster, coarseAdjuster) = (new(fineResolution, allowance, work), new(coarseResolution, allowance, work));
        forgotten = new(At);
        LineState? first = start is null ? new LineState.Point(point) : LineState.Of(start, fineResolution, work);
        LineState? second = start is null ? first : LineState.Of(start, coarseResolution, work);
        (fine, coarse) = (first!, second!);
        return first is not null && second is not null;
    }

    /// <inheritdoc/>
    public override StepFailure Apply(IStep step, IReadOnlySet<int>? reads)
    {
        shown = null;
        if (joint is not null || (reads is not null && Meets(step, reads)))
        {
            return ApplyJoint(step, reads!);
        }

        if (step is AdjustedStep adjusted)
        {
            return Apply(adjusted);
        }

        if (step is Tableau tableau && pending.Count == 0)
        {
            return Apply(MapOf(tableau));
        }

        pending.Add(step);

        // What is kept and never read again needs no map.
        if (step is not GeneralTableau { Kept: 0 } && !(step.IsNoisy && reads?.Count == 0))
        {
            return StepFailure.None;
        }

        ScalarMap path = new PathMap(pending, scored, modifiers);
        pending.Clear();
        work!.Spend(path.PanelCost);
        return Apply(path);
    }

    // Registers are not held here: noise between steps that keep them is refused before the run.
    private StepFailure Apply(AdjustedStep step)
    {
        if (!adjustedMaps.TryGetValue(step, out AdjustedMap? map))
        {
            map = new(step, target, scored, modifiers);
            work!.Spend(map.PanelCost);
            adjustedMaps.Add(step, map);
        }

        (fine, coarse) = (Settled(fineStepper!, fine), Settled(coarseStepper!, coarse));
        (LineState? next, StepFailure failure, double rate) = fineAdjuster!.Apply(fine, map);
        if (next is null)
        {
            return failure;
        }

        (LineState? other, failure, double rough) = coarseAdjuster!.Apply(coarse, map);
        if (other is null)
        {
            return failure;
        }

        forgotten.Follow((LineState.Density)next, step.Level);
        (fine, coarse) = (next, other);
        accepted = (accepted.Fine + rate, accepted.Coarse + rough, accepted.Count + 1);
        return StepFailure.None;
    }

    /// <inheritdoc/>
    public override Estimate? TakeAcceptance()
    {
        (double sum, double rough, long count) = accepted;
        accepted = default;
        if (count == 0)
        {
            return null;
        }

        var density = (LineState.Continuous)fine;
        double width = (Math.Abs(sum - rough) / count) + density.Defect + density.Rounding + 1e-14;
        double rate = sum / count;
        return Estimate.Exact(rate, Math.Max(0, rate - width), Math.Min(1, rate + width), "grid");
    }

    /// <inheritdoc/>
    public override StepFailure Settle()
    {
        if (shown is not null)
        {
            return StepFailure.None;
        }

        if (joint is not null)
        {
            return SettleJoint();
        }

        if (pending.Count == 0)
        {
            return StepFailure.None;
        }

        (LineState, LineState, Forgotten) before = (fine, coarse, forgotten);
        forgotten = forgotten.Copy();
        ScalarMap path = new PathMap(pending, scored, modifiers);
        work!.Spend(path.PanelCost);
        StepFailure failure = Apply(path);
        shown = failure == StepFailure.None ? (fine, coarse, forgotten) : null;
        (fine, coarse, forgotten) = before;
        return failure;
    }

    private void Forget()
    {
        fineStepper?.Forget();
        coarseStepper?.Forget();
        fineAdjuster?.Forget();
        coarseAdjuster?.Forget();
    }

    private ScalarMap MapOf(Tableau tableau)
    {
        if (!maps.TryGetValue(tableau, out ScalarMap? map))
        {
            map = new(tableau, scored, modifiers);
            work!.Spend(map.PanelCost);
            maps.Add(tableau, map);
        }

        return map;
    }

    private StepFailure Apply(ScalarMap map)
    {
        (LineState? next, StepFailure failure) = fineStepper!.Apply(fine, map);
        if (next is null)
        {
            return failure;
        }

        (LineState? other, failure) = coarseStepper!.Apply(coarse, map);
        if (other is null)
        {
            return failure;
        }

        if (fine is LineState.Continuous before && next is LineState.Continuous after)
        {
            forgotten.Follow(before, after, map, fineResolution.LogRange);
        }

        (fine, coarse) = (next, other);
        return StepFailure.None;
    }

    /// <inheritdoc/>
    public override bool IsOnGrid => true;

    /// <inheritdoc/>
    public override int Nodes => shown is null && joint is not null ? joint.Nodes : ((shown?.Fine ?? fine) as LineState.Continuous)?.Nodes ?? 0;

    private static LineState Settled(GridStepper stepper, LineState state) =>
        state is LineState.Even even ? stepper.Settled(even) : state;

    /// <inheritdoc/>
    public override void Release()
    {
        Forget();
        (fineStepper, coarseStepper, forgotten) = (null, null, null!);
        (fineAdjuster, coarseAdjuster) = (null, null);
        adjustedMaps.Clear();
        joint = null;
        (fine, coarse) = (null!, null!);
        maps.Clear();
        pending.Clear();
        shown = null;
    }

    /// <inheritdoc/>
    public override GridLaw Law(NoiseLevel at, WorkLimit work)
    {
        (LineState one, LineState other, Forgotten left) = shown ?? (fine, coarse, forgotten);
        (one, other) = (Settled(fineStepper!, one), Settled(coarseStepper!, other));
        return new(one, other, fineResolution, coarseResolution, At(at), work, left.LogShare(At(at)));
    }

    // The target at the last level that was asked for.
    private ScalarMixture At(NoiseLevel level)
    {
        if (known is not { } last || last.Level != level)
        {
            known = (level, ScalarMixture.At(target, level));
        }

        return known!.Value.Law;
    }

    private (NoiseLevel Level, ScalarMixture Law)? known;
}

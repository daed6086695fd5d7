namespace Sgm.Engine;

/// <summary>
/// Noise while registers hold something: the joint law of two coordinates, from the first such draw until nothing is
/// kept.
/// </summary>
internal sealed partial class GridProcess
{
    // −ln of the relative error of the sums, as in the plane.
    private static readonly double FineDigits = PlaneResolution.Fine(1).Digits;
    private static readonly double CoarseDigits = PlaneResolution.Coarse(1).Digits;

    private Joint? joint;

    private sealed record Joint(JointForms Forms, JointValues Values, JointLine Fine, JointLine Coarse)
    {
        // In a node's memory on the grid.
        public int Nodes => (int)Math.Min(int.MaxValue, Fine.Nodes / 2);
    }

    /// <inheritdoc/>
    public override bool IsKnown => joint is null || joint.Forms.IsDrawn;

    // Whether a step draws noise while registers hold something that will be read, or within itself.
    private bool Meets(IStep step, JointFuture future) => step switch
    {
        GeneralTableau general =>
            general.Stages.Any(stage => stage.At.Any(term => term.Of == Input.Noise)) || (general.IsNoisy && general.Kept > 0),
        Tableau => step.IsNoisy && pending.Count > 0 && future.Reads.Count > 0,
        _ => false,
    };

    private StepFailure Begin(NoiseLevel level)
    {
        if (fine is LineState.Continuous { Smoothness: 0 }) return StepFailure.NoDensity;
        (fine, coarse) = (Settled(fineStepper!, fine), Settled(coarseStepper!, coarse));
        JointValues values = new(scored, modifiers) { Images = fine as LineState.Density };
        double? at = fine is LineState.Point point ? point.At : null;
        var forms = JointForms.Start(at, fine is LineState.Density { Chain.IsEmpty: false }, values.SlopeFloor);
        foreach (IStep step in pending)
        {
            HashSet<int> all = [.. Enumerable.Range(1, (step as GeneralTableau)?.Kept ?? forms.Registers.Keys.LastOrDefault())];
            if (forms.Apply(step, all, []) is not null) return StepFailure.Entangled;
        }

        pending.Clear();
        forgotten.Lose(At(level));
        joint = new(forms, values, JointLine.Of(fine), JointLine.Of(coarse));
        return StepFailure.None;
    }

    private StepFailure ApplyJoint(IStep step, JointFuture future)
    {
        if (joint is null && Begin(step.From) is var failure && failure != StepFailure.None) return failure;
        List<JointDraw> draws = [];
        if (joint!.Forms.Apply(step, future.Reads, draws) is not null) return StepFailure.Entangled;
        List<JointDraw> later = [];
        if (future.Next is not null and not AdjustedStep)
        {
            // What it resolves is known; whether it can be followed is seen in its turn.
            IReadOnlySet<int> reads =
                future.Next is GeneralTableau general ? Enumerable.Range(1, general.Kept).ToHashSet() : future.Reads;
            joint.Forms.Copy().Apply(future.Next, reads, later);
        }

        foreach (JointDraw draw in draws)
        {
            int at = draws.IndexOf(draw) + 1;
            JointDraw? next = at < draws.Count ? draws[at] : later.FirstOrDefault();
            (JointLine? law, failure) = joint.Fine.After(draw, next, joint.Values, fineResolution, FineDigits, work!);
            if (law is null) return failure;
            (JointLine? other, failure) = joint.Coarse.After(draw, next, joint.Values, coarseResolution, CoarseDigits, work!);
            if (other is null) return failure;
            joint = joint with { Fine = law, Coarse = other };
        }

        return joint.Forms.Registers.Count == 0 && joint.Forms.IsDrawn ? End() : StepFailure.None;
    }

    // Nothing is kept any more.
    private StepFailure End()
    {
        StepFailure failure = SettleJoint();
        if (failure != StepFailure.None) return failure;
        (fine, coarse, forgotten) = shown!.Value;
        (joint, shown) = (null, null);
        return StepFailure.None;
    }

    private StepFailure SettleJoint()
    {
        if (!IsKnown) return StepFailure.Entangled;
        if (joint!.Fine.Line(fineResolution, FineDigits, work!) is not { } one) return StepFailure.TooLarge;
        if (joint.Coarse.Line(coarseResolution, CoarseDigits, work!) is not { } other) return StepFailure.TooLarge;
        shown = (one, other, forgotten);
        return StepFailure.None;
    }
}

namespace Sgm.Engine;

/// <summary>
/// Noise while registers hold something: the joint law of two coordinates, from the first such draw until nothing is
/// kept.
/// </summary>
internal sealed partial class GridProcess
{
    private Joint? joint;

    private sealed record Joint(JointForms Forms, JointStepper Fine, JointStepper Coarse)
    {
        // In a node's memory on the grid.
        public int Nodes => (int)Math.Min(int.MaxValue, Fine.Nodes / 2);
    }

    /// <inheritdoc/>
    public override bool IsKnown => joint is null || joint.Forms.IsDrawn;

    // Whether a step draws noise while registers hold something that will be read, or within itself.
    private bool Meets(IStep step, IReadOnlySet<int> reads) => step switch
    {
        GeneralTableau general =>
            general.Stages.Any(stage => stage.At.Any(term => term.Of == Input.Noise)) || (general.IsNoisy && general.Kept > 0),
        Tableau => step.IsNoisy && pending.Count > 0 && reads.Count > 0,
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
        joint = new(
            forms,
            new(JointLine.Of(fine), values, fineResolution, work!),
            new(JointLine.Of(coarse), values, coarseResolution, work!));
        return StepFailure.None;
    }

    private StepFailure ApplyJoint(IStep step, IReadOnlySet<int> reads)
    {
        StepFailure failure = joint is null ? Begin(step.From) : StepFailure.None;
        if (failure != StepFailure.None) return failure;
        List<JointDraw> draws = [];
        if (joint!.Forms.Apply(step, reads, draws) is not null) return StepFailure.Entangled;
        foreach (JointDraw draw in draws)
        {
            failure = joint.Fine.Apply(draw);
            if (failure == StepFailure.None) failure = joint.Coarse.Apply(draw);
            if (failure != StepFailure.None) return failure;
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
        (LineState.Density? one, StepFailure failure) = joint!.Fine.Line();
        if (one is null) return failure;
        (LineState.Density? other, failure) = joint.Coarse.Line();
        if (other is null) return failure;
        shown = (one, other, forgotten);
        return StepFailure.None;
    }
}

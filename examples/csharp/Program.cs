// A sampler in C#: written, checked, run exactly, certified, and held against a claim of one's own.
//
//     dotnet run -c Release --project examples/csharp

using Sgm;
using Sgm.Engine;
using Sgm.Fluent;

var modes = Targets.Mixture((0.5, Targets.Normal([-2.0], 0.25)), (0.5, Targets.Normal([2.0], 0.25)));

var sampler = Samplers.Anneal(
    Schedules.Geometric(10.0, 0.1, 20),
    Samplers.Exponential,
    Samplers.Repeat(10, Samplers.LangevinScaled(0.1)));

var check = Experiments.Create(modes, Forward.Ve, sampler)
    .WithScore(Scores.Exact.Shifted(0.05))
    .WithMeasure(Metric.Tv, Metric.W2)
    .Check(".");

if (!check.IsValid)
{
    Console.Error.WriteLine(string.Join("\n", check.Errors));
    return 2;
}

var end = check.Run().Probes[^1];
var certified = check.Certify()[^1];
var tv = end.Law.Measure(Metric.Tv);
var w2 = end.Law.Measure(Metric.W2);
Console.WriteLine($"TV is in [{tv.Lower}, {tv.Upper}] and certified to be at most {certified.Tv.Value}");
Console.WriteLine($"W2 is in [{w2.Lower}, {w2.Upper}] and certified to be at most {certified.W2.Value}");

// Langevin's bias on a normal law, over the step and the dimension.
var langevin = Claims.Over(
    at => Experiments
        .Create(
            Targets.Standard((int)at["d"]),
            Forward.Vp,
            Samplers.Repeat((int)(10.0 / at["h"]), Samplers.Langevin(at["h"])))
        .WithStart(Starts.Point([.. Enumerable.Repeat(1.0, (int)at["d"])])),
    ("h", [0.2, 0.1, 0.05, 0.025]),
    ("d", [1.0, 4.0, 16.0]));

var objection = Claims.Objection(
    langevin.AtMost("langevin-bias", Metric.Kl, at => at["d"] * (0.075 * at["h"] * at["h"] + Math.Exp(-20.0))),
    langevin.Rate("langevin-order", Metric.W2, "h", 1.0));

Console.WriteLine(objection ?? "both claims hold");
return objection is null ? 0 : 1;

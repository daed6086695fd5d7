namespace Sgm.Engine;

/// <summary>The nodes of a draw and what they belong to after it.</summary>
internal sealed partial class JointLine
{
    // The masses and images of the nodes, sorted by what they belong to after a draw.
    private sealed class Gathered(
        JointLine law,
        JointDraw draw,
        (double[] At, long[] Numbers, double[] Widths, int Count) places,
        JointValues values,
        int finer,
        int stride,
        double labels)
    {
        private readonly List<long> numbers = [];
        private readonly List<double> centres = [];
        private readonly List<double> masses = [];
        private readonly List<byte> phases = [];

        // Nodes of a row, by their numbers.
        private (int From, int To) Reached(int row)
        {
            (double left, double right) = law.Hull(row);
            int from = Array.BinarySearch(places.At, 0, places.Count, left);
            int to = Array.BinarySearch(places.At, 0, places.Count, right);
            return (from < 0 ? ~from : from, to < 0 ? ~to : to + 1);
        }

        /// <summary>Mass that was dropped; null where there are too many nodes.</summary>
        public double? Fill(double logRange, WorkLimit work)
        {
            double count = 0;
            for (int row = 0; row < law.sums.Length; row++)
            {
                (int from, int to) = Reached(row);
                count += to - from;
            }

            if (count > GridMemory.Nodes) return null;
            JointForm first = draw.Mean.Where(atom => !Reads(atom, draw.Second));
            JointForm second = draw.Mean.Where(atom => !Reads(atom, draw.First) && Reads(atom, draw.Second));
            JointForm both = draw.Mean.Where(atom => Reads(atom, draw.First) && Reads(atom, draw.Second));
            work.Spend(places.Count * values.Cost(first));
            double[] across = new double[places.Count];
            for (int i = 0; i < across.Length; i++)
            {
                across[i] = values.At(first, draw, places.At[i], 0).Value;
            }

            double least = Math.Exp(-logRange), dropped = 0, noise = draw.LabelDeviation;

            // 1 or −1.
            int side = draw.IsExactLabel && draw.Second is not null ? Math.Sign(draw.Label![draw.Second]) : 0;
            for (int row = 0; row < law.sums.Length; row++)
            {
                (int from, int to) = Reached(row);
                if (to <= from) continue;
                if (numbers.Count > 2 * GridMemory.Nodes) return null;
                double[] density = new double[to - from + JointKernels.Padding];
                law.Fill(row, places.At.AsSpan(from), to - from, density, work);
                double along = values.At(second, draw, 0, law.rows[row]).Value;
                work.Spend((to - from) * (both.Terms.Count == 0 ? 0.1 : values.Cost(both)));
                for (int i = from; i < to; i++)
                {
                    double mass = density[i - from] * places.Widths[i] * stride;
                    if (!(mass > least))
                    {
                        dropped += mass;
                        continue;
                    }

                    long number = draw.Kept switch
                    {
                        JointKept.Nothing => 0,
                        JointKept.Second => row,
                        _ => places.Numbers[i] + (side * finer * law.numbers[row]),
                    };
                    if (number % stride != 0) continue;
                    double centre = across[i] + along;
                    if (both.Terms.Count > 0) centre += values.At(both, draw, places.At[i], law.rows[row]).Value;
                    byte phase = (byte)((places.Numbers[i] & 3) | ((law.numbers[row] & 3) << 2));
                    if (noise == 0)
                    {
                        Add(number, centre, mass, phase);
                        continue;
                    }

                    // Noise of the label's own spreads a node over rows.
                    double at = values.At(draw.Label!, draw, places.At[i], law.rows[row]).Value;
                    double reach = noise * Math.Sqrt(2 * (logRange + Math.Log(mass)));
                    work.Spend(values.Cost(draw.Label!) + (2 * reach / labels));
                    for (long k = (long)Math.Ceiling((at - reach) / labels); k <= (at + reach) / labels; k++)
                    {
                        double d = ((k * labels) - at) / noise;
                        Add(k, centre, mass * labels / noise * Math.Exp((-0.5 * d * d) - NormalTail.LogRootTwoPi), phase);
                    }
                }
            }

            return dropped;
        }

        private void Add(long number, double centre, double mass, byte phase)
        {
            phases.Add(phase);
            numbers.Add(number);
            centres.Add(centre);
            masses.Add(mass);
        }

        /// <summary>
        /// The second coordinates of the rows that hold something, their numbers, and what they hold; null where they lie
        /// too far apart.
        /// </summary>
        public (double[] Seconds, long[] Numbers, JointNodes[] Sums)? Rows(double spacing)
        {
            if (numbers.Count == 0) return ([], [], []);
            long least = numbers.Min(), most = (numbers.Max() - least) / stride;
            if (most >= GridMemory.Nodes) return null;
            int[] counts = new int[(int)most + 1];
            foreach (long number in numbers)
            {
                counts[(number - least) / stride]++;
            }

            JointNodes[] all = Array.ConvertAll(counts, count => new JointNodes(count));
            for (int n = numbers.Count - 1; n >= 0; n--)
            {
                int row = (int)((numbers[n] - least) / stride);
                counts[row]--;
                int at = counts[row];
                (all[row].Centres[at], all[row].Masses[at]) = (centres[n], masses[n]);
                (all[row].Along[at], all[row].Across[at]) = ((byte)(phases[n] & 3), (byte)(phases[n] >> 2));
            }

            int[] held = [.. Enumerable.Range(0, all.Length).Where(row => all[row].Masses.Length > 0)];
            long Number(int row) => (least / stride) + row;
            return (
                [.. held.Select(row => draw.Kept == JointKept.Second ? law.rows[Number(row)] : Number(row) * spacing)],
                [.. held.Select(row => draw.Kept == JointKept.Second ? law.numbers[Number(row)] : Number(row))],
                [.. held.Select(row => all[row])]);
        }

        private static bool Reads(JointAtom atom, JointAtom.Coordinate? coordinate) => coordinate is not null && JointForm.Reads(atom, coordinate);
    }

    // What a row holds, with the numbers modulo 4 of the first coordinate and of the row that each node comes from.
    private sealed class JointNodes(int count)
    {
        public double[] Centres { get; } = new double[count];

        public double[] Masses { get; } = new double[count];

        public byte[] Along { get; } = new byte[count];

        public byte[] Across { get; } = new byte[count];
    }
}

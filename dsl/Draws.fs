namespace Sgm

open System
open System.Globalization
open System.IO
open System.Text
open Sgm.Engine

/// Draws of a law on their way into a file: blocks of shape [Columns, rows of the block], made one at a time.
type Draws = { Rows: int64; Columns: int; Blocks: float[] seq }

/// Draws, and the files they go into.
module Draws =
    /// Particles, in their order.
    let ofParticles (particles: ParticleStore) =
        {
            Rows = particles.Count
            Columns = particles.Dimension
            Blocks = Seq.init particles.BlockCount (fun b -> particles.Block(b).ToArray())
        }

    /// Independent draws of a law; block b is a function of the seed and b.
    let ofLaw (law: Law) (seed: uint64) (rows: int64) =
        let d = law.Dimension
        let size = max 16L (min 65536L (131072L / int64 d))

        let block b =
            let count = int (min size (rows - int64 b * size))
            let x = Array.zeroCreate<float>(d * count)
            law.Draw(RandomStream(seed, int64 b), x, count)
            x

        { Rows = rows; Columns = d; Blocks = Seq.init (int ((rows + size - 1L) / size)) block }

    let private writeCsv (stream: Stream) draws =
        use writer = new StreamWriter(stream, UTF8Encoding false, 1 <<< 16, true)
        let d = draws.Columns
        writer.Write(String.Join(",", Seq.init d (fun e -> $"x{e + 1}")) + "\n")

        for block in draws.Blocks do
            let rows = block.Length / d

            for i in 0 .. rows - 1 do
                for e in 0 .. d - 1 do
                    writer.Write(block[e * rows + i].ToString("R", CultureInfo.InvariantCulture))
                    writer.Write(if e = d - 1 then '\n' else ',')

    let private writeNpy (stream: Stream) draws =
        Npy.writeHeader stream draws.Rows draws.Columns

        for block in draws.Blocks do
            Npy.writeRows stream draws.Columns block

    /// The form of a file by its ending, as what writes it; or what is wrong with the ending.
    let writer (file: string) : Result<Stream -> Draws -> unit, string> =
        match Path.GetExtension(file).ToLowerInvariant() with
        | ".csv" -> Ok writeCsv
        | ".npy" -> Ok writeNpy
        | ".parquet" -> Error "Parquet is not written; use .npy (doubles, for NumPy) or .csv"
        | other -> Error $"found the ending '{other}', expected .csv or .npy"

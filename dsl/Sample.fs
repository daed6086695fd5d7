namespace Sgm

open System
open System.IO
open Sgm.Engine

/// Rows of a file as particles: draws of a law that nobody told.
type Sample =
    {
        File: string
        Names: string list option
        /// Rows of the file.
        Rows: int64
        /// All of them or, of very many, some drawn at random; in random order, so that a sorted file does no harm.
        Particles: ParticleStore
    }

    member this.Columns = this.Particles.Dimension

/// Files that other programs wrote: .csv and .npy.
module Sample =
    /// Numbers of a file that are kept.
    let private mostNumbers = 1L <<< 24

    /// Streams that no run and no measurement draws from.
    let private choosing, shuffling = -1001L, -1002L

    /// Uniforms in (0, 1), one at a time.
    type private Uniforms(seed: uint64, stream: int64) =
        let stream = RandomStream(seed, stream)
        let buffer = Array.zeroCreate<float> 4096
        let mutable next = buffer.Length

        member _.Next() =
            if next = buffer.Length then
                stream.FillUniform(buffer.AsSpan())
                next <- 0

            next <- next + 1
            buffer[next - 1]

    /// k of n rows, ascending, every set of k as likely as every other (Knuth, The Art of Computer Programming 2, 3.4.2, Algorithm S).
    let private chosen seed (n: int64) (k: int) =
        if int64 k = n then
            Array.init k int64
        else
            let uniforms = Uniforms(seed, choosing)
            let rows = Array.zeroCreate<int64> k
            let mutable found = 0
            let mutable row = 0L

            while found < k do
                if uniforms.Next() * float (n - row) < float (k - found) then
                    rows[found] <- row
                    found <- found + 1

                row <- row + 1L

            rows

    /// A permutation of 0, …, k − 1, each as likely.
    let private shuffled seed k =
        let uniforms = Uniforms(seed, shuffling)
        let order = Array.init k id

        for i in k - 1 .. -1 .. 1 do
            let j = min i (int (uniforms.Next() * float (i + 1)))
            let other = order[j]
            order[j] <- order[i]
            order[i] <- other

        order

    let private select seed (rows: int64) columns =
        let kept = int (min rows (max 1L (mostNumbers / int64 columns)))
        chosen seed rows kept, shuffled seed kept

    let private particles columns values = ParticleStore(columns, 0L, [| values |])

    let private ofNpy seed (path: string) (stream: Stream) =
        Npy.readHeader stream
        |> Result.bind (fun header ->
            let wanted, place = select seed header.Rows header.Columns

            Npy.readRows stream header wanted place
            |> Result.map (fun values ->
                {
                    File = path
                    Names = None
                    Rows = header.Rows
                    Particles = particles header.Columns values
                }))

    let private ofData seed (data: DataSet) =
        let columns = data.Rows[0].Length
        let wanted, place = select seed data.Rows.LongLength columns
        let values = Array.zeroCreate<float>(columns * wanted.Length)

        for k in 0 .. wanted.Length - 1 do
            for e in 0 .. columns - 1 do
                values[e * wanted.Length + place[k]] <- data.Rows[int wanted[k]][e]

        {
            File = data.File
            Names = data.Names
            Rows = data.Rows.LongLength
            Particles = particles columns values
        }

    /// Of larger numbers the squares would overflow; a run ends there too.
    let private largest = 1e150

    /// The rows of a file, or everything that is wrong with it; which rows of very many, and their order, are the seed's.
    let read (seed: uint64) (path: string) : Result<Sample, Problem list> =
        let unreadable reason = Error [ { Place = []; Fault = Fault.UnreadableData(path, reason); Position = None } ]

        let within (sample: Sample) =
            let values = sample.Particles.Block(0)
            let mutable most = 0.0

            for x in values do
                most <- max most (abs x)

            if most <= largest then
                Ok sample
            else
                unreadable $"a number of size {most} is in it, expected at most {largest}"

        match Path.GetExtension(path).ToLowerInvariant() with
        | ".npy" ->
            try
                use stream = new FileStream(path, FileMode.Open, FileAccess.Read)

                match ofNpy seed path stream with
                | Ok sample -> within sample
                | Error reason -> unreadable reason
            with error ->
                match Data.reason error with
                | Some reason -> unreadable reason
                | None -> reraise ()
        | ".csv"
        | ".txt"
        | "" ->
            let problems = Problems()

            match Data.Library(Directory.GetCurrentDirectory()).TryLoad([], path, problems) with
            | Some data -> within (ofData seed data)
            | None -> Error problems.List
        | other -> unreadable $"found the ending '{other}', expected .npy or .csv"

namespace Sgm.Verification

open System
open System.Buffers.Binary
open System.Globalization
open System.Security.Cryptography
open System.Text

/// A part of the cells of a run: those whose id hashes to `Index` of `Of`.
type Shard =
    {
        Index: int
        Of: int
    }

    override this.ToString() = $"{this.Index}/{this.Of}"

module Shard =
    /// Most shards of a run.
    let most = 100_000

    /// Which of some shards a cell belongs to: the first eight bytes of the SHA-256 of its id, the first byte the
    /// highest, modulo their number. A function of the id alone, so that no other cell moves it.
    let ofId count (id: string) =
        let hash = SHA256.HashData(Encoding.UTF8.GetBytes id)
        int (BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(hash, 0, 8)) % uint64 count)

    let has shard id = ofId shard.Of id = shard.Index

    let private whole (text: string) =
        match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, n -> Some n
        | false, _ -> None

    let private between index count what =
        if count < 1 || count > most then
            Error $"{what}: {count} shards, expected 1 to {most}"
        elif index < 0 || index >= count then
            Error $"{what}: shard {index} of {count}, expected 0 to {count - 1}"
        else
            Ok { Index = index; Of = count }

    /// The index of this process among the tasks of a Slurm array, and their number.
    let private ofSlurm (variable: string -> string option) =
        let number name = variable $"SLURM_ARRAY_TASK_{name}" |> Option.bind whole

        match number "ID", number "MIN", number "COUNT" with
        | Some id, Some first, Some count ->
            let step = number "STEP" |> Option.defaultValue 1 |> max 1

            if (id - first) % step = 0 && (id - first) / step < count then
                Some(Ok((id - first) / step, count))
            else
                Some(
                    Error
                        $"task {id} of a Slurm array of {count} from {first}: its numbers are not evenly spaced; write --array=0-{count - 1}"
                )
        | _ -> None

    /// `3/8`; `8` for the number alone and `auto` for both from the scheduler's variables: SLURM_ARRAY_TASK_ID with
    /// _MIN, _COUNT and _STEP, or JOB_COMPLETION_INDEX, beside which Kubernetes tells no number.
    let parse (variable: string -> string option) (word: string) =
        let said = $"--shard {word}"
        let index = variable "JOB_COMPLETION_INDEX" |> Option.bind whole

        match word.Split '/' |> Array.map whole with
        | [| Some i; Some n |] -> between i n said
        | [| Some n |] ->
            match ofSlurm variable, index with
            | Some(Error message), _ -> Error $"{said}: {message}"
            | Some(Ok(_, count)), _ when count <> n -> Error $"{said}: the Slurm array has {count} tasks"
            | Some(Ok(i, _)), _ -> between i n said
            | None, Some i -> between i n said
            | None, None ->
                Error
                    $"{said}: which of them is this? Neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; write --shard 0/{n}"
        | _ when word = "auto" ->
            match ofSlurm variable, index with
            | Some(Error message), _ -> Error $"{said}: {message}"
            | Some(Ok(i, count)), _ -> between i count said
            | None, Some _ -> Error $"{said}: Kubernetes tells no number of shards; write it: --shard 8"
            | None, None -> Error $"{said}: this is no task of a Slurm array (SLURM_ARRAY_TASK_ID is not set)"
        | _ ->
            Error
                $"{said}, expected i/n with i from 0 to n - 1, such as --shard 0/8; n alone, or auto, under a scheduler"

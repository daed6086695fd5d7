namespace Sgm.Verification

open System.Text.Json

/// What a finished cell is of.
type CellName =
    {
        /// Names it among all cells of its verb, whatever runs beside it: a theorem, a scenario, a setting.
        Id: string
        /// What else its numbers depend on, the program apart: the experiment's fingerprint, effort, probability of a
        /// false alarm.
        Asked: Lazy<string list>
    }

/// Where finished cells are kept, and which of them concern this process.
type Shelf =
    {
        /// Whether a cell is looked at here, by id: a shard has its own.
        Concerns: string -> bool
        /// Whether a cell that is not kept is run here.
        Runs: bool
        /// A kept cell: the seconds that it took, and its value.
        Find: CellName -> struct (float * JsonElement) option
        /// Keeps a cell with the seconds that it took.
        Keep: CellName -> float -> (JsonWriting.Writer -> unit) -> unit
    }

module Shelf =
    /// Nothing is kept, everything runs.
    let none =
        {
            Concerns = fun _ -> true
            Runs = true
            Find = fun _ -> None
            Keep = fun _ _ _ -> ()
        }

    /// The cell that is kept, or the one that is run now and kept, with its seconds; none where it is neither kept
    /// nor run here.
    let cell shelf name (read: JsonElement -> 'cell option) (write: JsonWriting.Writer -> 'cell -> unit) run =
        let fresh () =
            if shelf.Runs then
                let clock = System.Diagnostics.Stopwatch.StartNew()
                let found: 'cell = run ()
                let seconds = clock.Elapsed.TotalSeconds
                shelf.Keep name seconds (fun json -> write json found)
                Some struct (found, seconds)
            else
                None

        if not (shelf.Concerns name.Id) then
            None
        else
            match shelf.Find name with
            | Some(struct (seconds, value)) ->
                match read value with
                | Some found -> Some struct (found, seconds)
                | None -> fresh ()
            | None -> fresh ()

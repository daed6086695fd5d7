namespace Sgm.Tests

open System
open System.Runtime.InteropServices

/// Seconds that this thread has computed: what other processes and tests do at the same time does not count.
module ThreadClock =
    [<Struct; StructLayout(LayoutKind.Sequential)>]
    type private Timespec =
        val mutable Seconds: nativeint
        val mutable Nanoseconds: nativeint

    [<DllImport("libc")>]
    extern int private clock_gettime(int clock, Timespec& time)

    /// Linux's and macOS's CLOCK_THREAD_CPUTIME_ID.
    let private threadClock = if OperatingSystem.IsMacOS() then 16 else 3

    let isKnown = OperatingSystem.IsLinux() || OperatingSystem.IsMacOS()

    let private now () =
        let mutable time = Timespec()

        if clock_gettime (threadClock, &time) <> 0 then
            failwith "clock_gettime knows no clock of a thread"

        float time.Seconds + 1e-9 * float time.Nanoseconds

    /// What an action gives, and its seconds; 0 where no clock is known.
    let timed action =
        let start = if isKnown then now () else 0.0
        let result = action ()
        result, (if isKnown then now () - start else 0.0)

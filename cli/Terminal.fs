namespace Sgm.Cli

open System
open System.IO
open System.Threading

/// The exit codes of `sgm`.
module Exit =
    [<Literal>]
    let Fine = 0

    /// A check was violated or stayed open, nothing was checked, or a plan's run does not keep its bound.
    [<Literal>]
    let Violated = 1

    /// The input or the command line is wrong.
    [<Literal>]
    let BadInput = 2

    /// The run diverged.
    [<Literal>]
    let Failed = 3

    /// What failed may pass: the disk is full, a store is lost, cells are missing. EX_TEMPFAIL.
    [<Literal>]
    let TryAgain = 75

    [<Literal>]
    let Cancelled = 130

/// Where a command reads its surroundings from and writes to; tests put their own here.
type Terminal =
    {
        /// Standard input, where a file is named '-'.
        In: unit -> TextReader
        Out: TextWriter
        Error: TextWriter
        /// Whether a person looks at standard output: colour and boxes.
        OutIsTerminal: bool
        /// Whether a person looks at standard error: progress.
        ErrorIsTerminal: bool
        Cancellation: CancellationToken
    }

/// The standard streams of this process.
module Terminal =
    let ofProcess cancellation =
        let writer (stream: Stream) = new StreamWriter(stream, Text.UTF8Encoding false, 1 <<< 14, AutoFlush = false)

        let isDumb = Environment.GetEnvironmentVariable "TERM" = "dumb"

        {
            In = fun () -> new StreamReader(Console.OpenStandardInput())
            Out = writer (Console.OpenStandardOutput())
            Error = writer (Console.OpenStandardError())
            OutIsTerminal = not (Console.IsOutputRedirected || isDumb)
            ErrorIsTerminal = not (Console.IsErrorRedirected || isDumb)
            Cancellation = cancellation
        }

    /// One line of a message.
    let tell terminal (message: string) =
        terminal.Out.Flush()
        terminal.Error.WriteLine(Sgm.Visible.text message)
        terminal.Error.Flush()

    /// One JSON document, and nothing else on standard output.
    let json terminal schema experiment write =
        terminal.Out.WriteLine(Sgm.Verification.JsonWriting.document schema experiment write)

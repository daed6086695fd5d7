/// Headless Chromium, driven over its DevTools protocol: what a test of a page needs, and no more.
module Sgm.Tests.Browser

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.IO
open System.Net.WebSockets
open System.Text
open System.Text.Json
open System.Text.Json.Nodes
open System.Threading
open System.Threading.Tasks

/// The browser's command on this machine, if it has one.
let find () =
    let folders = (Environment.GetEnvironmentVariable "PATH").Split Path.PathSeparator

    [ "chromium"; "chromium-browser"; "google-chrome" ]
    |> List.tryPick (fun name ->
        folders |> Array.map (fun folder -> Path.Combine(folder, name)) |> Array.tryFind File.Exists)

let private fields (pairs: (string * JsonNode) list) =
    let result = JsonObject()

    for name, value in pairs do
        result[name] <- value

    result

/// A page of a running browser.
type Page(browser: Process, profile: string, socket: ClientWebSocket) =
    let replies = ConcurrentDictionary<int, TaskCompletionSource<JsonNode>>()
    let events = ConcurrentQueue<string * JsonNode>()
    let mutable session: string = null
    let mutable last = 0

    /// Sends a command without waiting for the answer.
    let post (name: string) (parameters: (string * JsonNode) list) id =
        let command =
            fields [ "id", JsonValue.Create(id: int); "method", JsonValue.Create name; "params", fields parameters ]

        if not (isNull session) then
            command["sessionId"] <- JsonValue.Create session

        let bytes = Encoding.UTF8.GetBytes(command.ToJsonString())

        lock socket (fun () ->
            socket.SendAsync(ArraySegment bytes, WebSocketMessageType.Text, true, CancellationToken.None).Wait())

    /// A dialog stops the page until it is answered; that it came is among the events.
    let dismiss name =
        if name = "Page.javascriptDialogOpening" then
            post "Page.handleJavaScriptDialog" [ "accept", JsonValue.Create false ] (Interlocked.Increment &last)

    let receive () =
        task {
            let buffer = Array.zeroCreate<byte>(1 <<< 16)
            use message = new MemoryStream()

            while socket.State = WebSocketState.Open do
                let! part = socket.ReceiveAsync(ArraySegment buffer, CancellationToken.None)
                message.Write(buffer, 0, part.Count)

                if part.EndOfMessage then
                    let node = JsonNode.Parse(Encoding.UTF8.GetString(message.ToArray()))
                    message.SetLength 0L

                    match node["id"] with
                    | null ->
                        let name = node["method"].GetValue<string>()
                        events.Enqueue(name, node["params"])
                        dismiss name
                    | id ->
                        match replies.TryRemove(id.GetValue<int>()) with
                        | true, waiting -> waiting.SetResult node
                        | _ -> ()
        }

    let reader = receive ()

    /// One command; throws what the browser refuses.
    member _.Send (name: string) (parameters: (string * JsonNode) list) =
        let id = Interlocked.Increment &last
        let waiting = TaskCompletionSource<JsonNode>(TaskCreationOptions.RunContinuationsAsynchronously)
        replies[id] <- waiting
        post name parameters id

        if not (waiting.Task.Wait 60_000) then
            failwith $"the browser did not answer {name}"

        match waiting.Task.Result["error"] with
        | null -> waiting.Task.Result["result"]
        | error -> failwith $"{name}: {error}"

    /// Opens an empty page and listens to its console.
    member this.Attach() =
        let target = this.Send "Target.createTarget" [ "url", JsonValue.Create "about:blank" ]

        let attached =
            this.Send
                "Target.attachToTarget"
                [ "targetId", target["targetId"].DeepClone(); "flatten", JsonValue.Create true ]

        session <- attached["sessionId"].GetValue<string>()

        for domain in [ "Page"; "Runtime"; "Log" ] do
            this.Send $"{domain}.enable" [] |> ignore

    /// Waits for an event of this name.
    member private _.Await name =
        let clock = Stopwatch.StartNew()

        while not (events |> Seq.exists (fun (event, _) -> event = name)) do
            if clock.Elapsed.TotalSeconds > 600.0 then
                failwith $"no {name} within ten minutes"

            Thread.Sleep 20

    /// Opens a file and waits until it is loaded.
    member this.Open(path: string) =
        let uri = "file://" + String.Join("/", path.Split '/' |> Array.map Uri.EscapeDataString)
        events.Clear()
        this.Send "Page.navigate" [ "url", JsonValue.Create(uri) ] |> ignore
        this.Await "Page.loadEventFired"

    /// Everything that the console and the log complained of since the page was opened.
    member _.Complaints =
        [
            for name, parameters in events do
                match name with
                | "Runtime.exceptionThrown" -> parameters.ToJsonString()
                | "Runtime.consoleAPICalled" when parameters["type"].GetValue<string>() <> "log" ->
                    parameters.ToJsonString()
                | "Log.entryAdded" -> parameters.ToJsonString()
                | "Page.javascriptDialogOpening" -> parameters.ToJsonString()
                | _ -> ()
        ]

    /// Waits until a frame was drawn: the page hears only then that its window or its medium changed.
    member private this.Frame() =
        this.Send
            "Runtime.evaluate"
            [
                "expression", JsonValue.Create "new Promise(drawn => requestAnimationFrame(() => drawn(0)))"
                "awaitPromise", JsonValue.Create true
            ]
        |> ignore

    /// Width and height of the window in CSS pixels.
    member this.Resize width height =
        this.Send
            "Emulation.setDeviceMetricsOverride"
            [
                "width", JsonValue.Create(width: int)
                "height", JsonValue.Create(height: int)
                "deviceScaleFactor", JsonValue.Create 1
                "mobile", JsonValue.Create(width < 600)
            ]
        |> ignore

        this.Frame()

    /// What the system prefers: "dark" or "light".
    member this.Prefer(scheme: string) =
        let feature = fields [ "name", JsonValue.Create "prefers-color-scheme"; "value", JsonValue.Create scheme ]
        this.Send "Emulation.setEmulatedMedia" [ "features", JsonArray(feature :> JsonNode) ] |> ignore
        this.Frame()

    /// The page as it is laid out for paper, or on the screen again.
    member this.ForPaper(isPaper: bool) =
        this.Send "Emulation.setEmulatedMedia" [ "media", JsonValue.Create(if isPaper then "print" else "screen") ]
        |> ignore

        this.Frame()

    /// The value of an expression, as JSON.
    member this.Evaluate(expression: string) =
        let reply =
            this.Send
                "Runtime.evaluate"
                [ "expression", JsonValue.Create expression; "returnByValue", JsonValue.Create true ]

        match reply["exceptionDetails"] with
        | null -> reply["result"]["value"]
        | error -> failwith (error.ToJsonString())

    member this.Number expression = (this.Evaluate expression).GetValue<float>()
    member this.Text expression = (this.Evaluate expression).GetValue<string>()
    member this.Flag expression = (this.Evaluate expression).GetValue<bool>()

    /// Moves the mouse there.
    member this.Hover (x: float) (y: float) =
        this.Send
            "Input.dispatchMouseEvent"
            [ "type", JsonValue.Create "mouseMoved"; "x", JsonValue.Create x; "y", JsonValue.Create y ]
        |> ignore

    /// The page as a PDF.
    member this.Print() =
        let reply = this.Send "Page.printToPDF" []
        Convert.FromBase64String(reply["data"].GetValue<string>())

    interface IDisposable with
        member _.Dispose() =
            try
                browser.Kill true
                browser.WaitForExit()
                socket.Dispose()
                reader.ContinueWith(fun (t: Task) -> t.Exception |> ignore).Wait 1000 |> ignore
                Directory.Delete(profile, true)
            with :? IOException ->
                ()

/// Starts a browser with a profile of its own and an empty page.
let start (command: string) =
    let profile = Directory.CreateTempSubdirectory("sgm-browser-").FullName

    let info =
        ProcessStartInfo(
            command,
            [
                "--headless=new"
                "--no-sandbox"
                "--disable-gpu"
                "--disable-dev-shm-usage"
                "--no-first-run"
                "--remote-debugging-port=0"
                $"--user-data-dir={profile}"
                "about:blank"
            ],
            RedirectStandardError = true,
            RedirectStandardOutput = true
        )

    let browser = Process.Start info
    let found = TaskCompletionSource<string>()

    browser.ErrorDataReceived.Add(fun line ->
        if not (isNull line.Data) && line.Data.StartsWith("DevTools listening on ", StringComparison.Ordinal) then
            found.TrySetResult(line.Data.Substring "DevTools listening on ".Length) |> ignore)

    browser.BeginErrorReadLine()
    browser.BeginOutputReadLine()

    if not (found.Task.Wait 60_000) then
        browser.Kill true
        failwith "the browser did not start within a minute"

    let socket = new ClientWebSocket()
    socket.ConnectAsync(Uri found.Task.Result, CancellationToken.None).Wait()
    let page = new Page(browser, profile, socket)
    page.Attach()
    page

/// ONNX files by the bytes of their format (protocol buffers): networks that are formulas, and files that are wrong.
module Sgm.Tests.OnnxFile

open System
open System.Text

let private varint (n: uint64) =
    let rec bytes (n: uint64) =
        if n < 128UL then
            [ byte n ]
        else
            byte (n &&& 127UL ||| 128UL) :: bytes (n >>> 7)

    Array.ofList (bytes n)

let private whole field (n: int64) = Array.append (varint (uint64 (field <<< 3))) (varint (uint64 n))

let private nested field (content: byte[]) =
    Array.concat [ varint (uint64 (field <<< 3 ||| 2)); varint (uint64 content.Length); content ]

let private text field (words: string) = nested field (Encoding.UTF8.GetBytes words)

/// Types of ONNX.
type Element =
    | Single = 1
    | Long = 7
    | Double = 11

/// A tensor's name, type and shape, −1 for an axis that is free.
type Tensor = { Name: string; Element: Element; Shape: int list }

type Node = { Op: string; Domain: string; Inputs: string list; Output: string }

type Constant = { Of: string; Values: float[]; Dims: int list }

type Model =
    {
        Inputs: Tensor list
        Outputs: Tensor list
        Nodes: Node list
        Constants: Constant list
        Element: Element
        Metadata: (string * string) list
    }

let private tensorInfo (tensor: Tensor) =
    let axis n = nested 1 (if n < 0 then text 2 "n" else whole 1 (int64 n))
    let shape = tensor.Shape |> List.map axis |> Array.concat
    let tensorType = Array.append (whole 1 (int64 tensor.Element)) (nested 2 shape)
    Array.append (text 1 tensor.Name) (nested 2 (nested 1 tensorType))

let private initializer (element: Element) (constant: Constant) =
    let raw =
        constant.Values
        |> Array.collect (fun x ->
            if element = Element.Single then
                BitConverter.GetBytes(float32 x)
            else
                BitConverter.GetBytes x)

    Array.concat
        [
            yield! constant.Dims |> List.map (fun n -> whole 1 (int64 n))
            whole 2 (int64 element)
            text 8 constant.Of
            nested 9 raw
        ]

let private nodeBytes (node: Node) =
    Array.concat
        [
            yield! node.Inputs |> List.map (text 1)
            text 2 node.Output
            text 4 node.Op
            if node.Domain <> "" then
                text 7 node.Domain
        ]

/// The file.
let bytes (model: Model) =
    let graph =
        Array.concat
            [
                yield! model.Nodes |> List.map (nodeBytes >> nested 1)
                text 2 "g"
                yield! model.Constants |> List.map (initializer model.Element >> nested 5)
                yield! model.Inputs |> List.map (tensorInfo >> nested 11)
                yield! model.Outputs |> List.map (tensorInfo >> nested 12)
            ]

    Array.concat
        [
            whole 1 7L
            nested 7 graph
            nested 8 (whole 2 13L)
            if model.Nodes |> List.exists (fun node -> node.Domain <> "") then
                nested 8 (Array.append (text 1 "mine") (whole 2 1L))
            for key, value in model.Metadata do
                nested 14 (Array.append (text 1 key) (text 2 value))
        ]

/// "y = Mul a b" a line.
let nodes (lines: string list) =
    [
        for line in lines do
            match List.ofArray (line.Split ' ') with
            | output :: "=" :: op :: inputs ->
                let domain, op = if op.StartsWith "mine." then "mine", op.Substring 5 else "", op
                { Op = op; Domain = domain; Inputs = inputs; Output = output }
            | _ -> failwith line
    ]

/// A network of x and a level's input in d dimensions whose output is `s`, by lines, with constants that are vectors or numbers.
let network element d (level: string) (constants: (string * float list) list) lines =
    {
        Inputs =
            [
                { Name = "x"; Element = element; Shape = [ -1; d ] }
                if level <> "" then
                    { Name = level; Element = element; Shape = [ -1; 1 ] }
            ]
        Outputs = [ { Name = "s"; Element = element; Shape = [ -1; d ] } ]
        Nodes = nodes lines
        Constants =
            [
                for name, values in constants ->
                    {
                        Of = name
                        Values = Array.ofList values
                        Dims = if values.Length = 1 then [] else [ values.Length ]
                    }
            ]
        Element = element
        Metadata = []
    }

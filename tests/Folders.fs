/// Folders that tests read and write.
module Sgm.Tests.Folders

open System
open System.IO

/// The repository's root.
let root =
    let rec above (folder: DirectoryInfo) =
        match folder with
        | null -> failwith "SgmDsl.sln is in no folder above the tests"
        | folder when File.Exists(Path.Combine(folder.FullName, "SgmDsl.sln")) -> folder.FullName
        | folder -> above folder.Parent

    lazy above (DirectoryInfo AppContext.BaseDirectory)

/// A new empty folder, removed afterwards with all that is in it.
let inFolder test =
    let folder = Directory.CreateTempSubdirectory("sgm-tests-").FullName

    try
        test folder
    finally
        Directory.Delete(folder, true)

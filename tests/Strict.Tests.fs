module Sgm.Tests.StrictTests

open Expecto

let private drawn name =
    let values = ResizeArray<int>()
    let draws = testList "top" [ testProperty name (fun (value: int) -> values.Add value) ]
    let results = Impl.evalTestsSilent (Seeds.fixedBy [] draws) |> Async.RunSynchronously
    Expect.isTrue (results |> List.forall (fun (_, result) -> result.result.isPassed)) "passes"
    List.ofSeq values

let tests =
    testList
        "Strict"
        [
            testCase "comparisons fail on NaN, on either side" (fun () ->
                for compare in
                    [ Expect.isLessThan; Expect.isLessThanOrEqual; Expect.isGreaterThan; Expect.isGreaterThanOrEqual ] do
                    Expect.throwsT<AssertException> (fun () -> compare nan 0.0 "NaN") "left"
                    Expect.throwsT<AssertException> (fun () -> compare 0.0 nan "NaN") "right")

            testCase "a property's values follow from its name" (fun () ->
                Expect.equal (drawn "one") (drawn "one") "the same"
                Expect.notEqual (drawn "one") (drawn "two") "others")
        ]

namespace Sgm

/// An inequality that a text claims of its experiment: metric ≤ bound at the end, where the condition holds.
type Claimed = { Metric: Engine.Metric; Bound: Expression; When: Expression option; Position: Position }

/// An order that a text claims: metric ~ axis^exponent at the end, or O(axis^exponent).
type ClaimedRate =
    {
        Metric: Engine.Metric
        Axis: string
        Exponent: float
        IsAtMost: bool
        Position: Position
    }

/// A `let` by `oneOf`: the values that a family has along it, the first of which is meant where one is run.
type FamilyAxis = { Name: string; Choices: Quantity list }

/// What was made of a text. A field that could not be read has a stand-in value and is named in `Unread`, so that the
/// others can be checked all the same and all problems are reported together.
type Parsed =
    {
        Experiment: Experiment
        /// The numbers that names stand for.
        Names: Map<string, Quantity>
        Axes: FamilyAxis list
        Claims: Claimed list
        Rates: ClaimedRate list
        Unread: Set<string>
        Problems: Problem list
        /// Where a place was written.
        Locate: Place -> Position
    }

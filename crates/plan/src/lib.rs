//! The pure planner and the checker that every plan must pass.

"""Alert rules and budgets: how they are evaluated, and how their notices reach people."""

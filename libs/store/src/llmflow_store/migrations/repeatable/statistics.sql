-- Run by every migration.

-- Costs spread over many orders of magnitude, and the few large ones are what people look for: the planner has to know
-- how few they are.
ALTER TABLE traces ALTER COLUMN cost SET STATISTICS 1000;

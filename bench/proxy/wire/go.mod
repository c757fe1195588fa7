module llmflow/bench/proxy/wire

go 1.22

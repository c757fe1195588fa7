"""What LLMFlow's tests share: backends, fake providers, contract suites, span builders."""

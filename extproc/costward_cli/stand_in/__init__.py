"""A local LLM provider that costs nothing: same question, same answer, true token counts, and faults on demand."""

"""Wire formats of chat messages, read and written without loss. LangChain's is an adapter's."""

"""What a web page asks of plait: questions and answers in JSON, without torch, in CPython and in Pyodide alike."""

from plait.browser.answers import QUESTIONS, answer

__all__ = ["QUESTIONS", "answer"]

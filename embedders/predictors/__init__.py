"""The black boxes: registering them, and asking them. Only their outputs are read."""

from embedders.predictors.boxes import predictor_for
from embedders.predictors.classifiers import ClassifierPredictor, NumberPredictor
from embedders.predictors.contract import LEAST_COVERED, Answers, Calibratable, Form, Predictor
from embedders.predictors.functions import FunctionPredictor
from embedders.predictors.readers import NoQuestionsError, ReaderPredictor
from embedders.predictors.recordings import RecordedPredictor
from embedders.predictors.registering import function_model, hf_model, recorded_model
from embedders.predictors.text_to_text import TextToTextPredictor

__all__ = [
    "LEAST_COVERED",
    "Answers",
    "Calibratable",
    "ClassifierPredictor",
    "Form",
    "FunctionPredictor",
    "NoQuestionsError",
    "NumberPredictor",
    "Predictor",
    "ReaderPredictor",
    "RecordedPredictor",
    "TextToTextPredictor",
    "function_model",
    "hf_model",
    "predictor_for",
    "recorded_model",
]

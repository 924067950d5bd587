"""The black boxes: registering them, and asking them. Only their outputs are read."""

from embedders.predictors.boxes import Boxes, predictor_for
from embedders.predictors.classifiers import ClassifierPredictor, NumberPredictor
from embedders.predictors.contract import LEAST_COVERED, Answers, Calibratable, Form, Predictor
from embedders.predictors.functions import FunctionPredictor
from embedders.predictors.language import Asked, LanguageModel, PromptedPredictor, Scored, language_model
from embedders.predictors.language.client import Limits
from embedders.predictors.readers import NoQuestionsError, ReaderPredictor
from embedders.predictors.recordings import RecordedPredictor
from embedders.predictors.registering import endpoint_model, function_model, hf_model, recorded_model
from embedders.predictors.text_to_text import TextToTextPredictor

__all__ = [
    "LEAST_COVERED",
    "Answers",
    "Asked",
    "Boxes",
    "Calibratable",
    "ClassifierPredictor",
    "Form",
    "FunctionPredictor",
    "LanguageModel",
    "Limits",
    "NoQuestionsError",
    "NumberPredictor",
    "Predictor",
    "PromptedPredictor",
    "ReaderPredictor",
    "RecordedPredictor",
    "Scored",
    "TextToTextPredictor",
    "endpoint_model",
    "function_model",
    "hf_model",
    "language_model",
    "predictor_for",
    "recorded_model",
]

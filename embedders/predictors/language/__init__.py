"""Language models under a prompt: local decoders and text-to-text models, sentence encoders, HTTP endpoints."""

from embedders.predictors.language.contract import Asked, LanguageModel, Scored
from embedders.predictors.language.models import OnDemand, language_model
from embedders.predictors.language.prompted import PromptedPredictor

__all__ = ["Asked", "LanguageModel", "OnDemand", "PromptedPredictor", "Scored", "language_model"]

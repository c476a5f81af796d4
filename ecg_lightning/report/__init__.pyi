from .crossval import write_crossval_table as write_crossval_table
from .markdown import markdown_table as markdown_table
from .page import render_page as render_page
from .recording_summary import RecordingSummary as RecordingSummary
from .verdict import Verdict as Verdict
from .verdict import independence as independence
from .writer import write_evaluation as write_evaluation
from .writer import write_report as write_report
